//! For whom a proxy asks: which proxies are believed, and what they say in `X-Forwarded-For`. Must not know how many
//! connections anybody has.
//!
//! Every proxy on the way appends the address that it was called from. Whatever stands in front of that came from
//! outside, so only the end can be believed, and only as far as those who wrote it are. Hence the usual rule: the last
//! address that is not itself a trusted proxy's. (RFC 7239 has a better header, which hardly any proxy sends.)

use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use super::head::Head;
use super::refusal::Refusal;

/// The number of whoever calls by a Unix socket, in place of an address. No address has it but the unspecified one,
/// which is nobody's.
pub const UNIX: u128 = 0;

/// An address as one number, so that IPv4, and IPv4 written as IPv6, are one address.
#[must_use]
pub fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Addresses that begin alike. Written `ADDRESS[/BITS]`, or `unix` for whoever calls by a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Unix sockets: programs of this machine.
    Unix,
    /// All addresses that have these bits where the mask has ones.
    Addresses {
        /// As by [`address_number`].
        bits: u128,
        /// The first ones, however many.
        mask: u128,
    },
}

impl Network {
    fn contains(&self, address: u128) -> bool {
        match *self {
            Self::Unix => address == UNIX,
            Self::Addresses { bits, mask } => address != UNIX && address & mask == bits & mask,
        }
    }
}

/// It is not written like a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkFault;

impl fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("that is no ADDRESS[/BITS], such as 10.0.0.2, 10.0.0.0/8 or fd00::/8, nor unix")
    }
}

impl core::error::Error for NetworkFault {}

impl FromStr for Network {
    type Err = NetworkFault;

    fn from_str(text: &str) -> Result<Self, NetworkFault> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkFault)?;
        let width: u32 = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().ok().filter(|bits| *bits <= width).ok_or(NetworkFault)?
            }
            Some(_) => return Err(NetworkFault),
        };
        // IPv4 lies at the end of the number. No bits at all leave nothing to compare.
        let mask = u128::MAX.checked_shl(width - bits).unwrap_or(0);
        Ok(Self::Addresses { bits: address_number(address), mask })
    }
}

/// The proxies that are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies(pub Vec<Network>);

impl Proxies {
    /// Whether what comes from this address is asked for others.
    #[must_use]
    pub fn trust(&self, address: u128) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// For whom a trusted proxy asks. `None`: for itself, or for another trusted one.
    ///
    /// # Errors
    /// [`Refusal::ForwardedFor`], if what stands where the address should be is none. What lies further in front is
    /// not looked at: anybody may have written it.
    pub fn caller(&self, head: &Head<'_>) -> Result<Option<u128>, Refusal> {
        let mut caller = Ok(None);
        for element in head.raw_list("X-Forwarded-For") {
            match parse(element) {
                None => caller = Err(Refusal::ForwardedFor),
                Some(address) if self.trust(address) => {}
                Some(address) => caller = Ok(Some(address)),
            }
        }
        caller
    }
}

/// `ADDRESS`, or as some proxies write it, `ADDRESS:PORT` and `[ADDRESS]`.
fn parse(element: &[u8]) -> Option<u128> {
    let text = core::str::from_utf8(element).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bare {
        Some(bare) => IpAddr::V6(bare.parse().ok()?),
        None => text.parse().or_else(|_| text.parse().map(|with_port: SocketAddr| with_port.ip())).ok()?,
    };
    (!address.is_unspecified()).then(|| address_number(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};

    fn proxies(list: &str) -> Proxies {
        Proxies(list.split(' ').map(|network| network.parse().unwrap()).collect())
    }

    fn number(address: &str) -> u128 {
        address_number(address.parse().unwrap())
    }

    /// Behind a proxy at 10.0.0.0/8: for whom it asks, or "refused".
    fn caller(lines: &[u8]) -> String {
        let bytes = [b"GET / HTTP/1.1\r\nHost: board\r\n", lines, b"\r\n"].concat();
        match proxies("10.0.0.0/8 fd00::1 unix").caller(&Head::parse(&bytes).unwrap()) {
            Ok(Some(number)) => core::net::Ipv6Addr::from_bits(number).to_canonical().to_string(),
            Ok(None) => "itself".to_string(),
            Err(Refusal::ForwardedFor) => "refused".to_string(),
            Err(other) => panic!("{other}"),
        }
    }

    fn said(value: &str) -> String {
        caller(format!("X-Forwarded-For: {value}\r\n").as_bytes())
    }

    #[test]
    fn the_last_one_that_is_not_a_proxy() {
        assert_eq!(said("192.0.2.7"), "192.0.2.7");
        assert_eq!(said("192.0.2.7, 10.1.1.1, fd00::1"), "192.0.2.7");
        assert_eq!(
            said("198.51.100.1, 192.0.2.7, 10.1.1.1"),
            "192.0.2.7",
            "what is in front, anybody can write"
        );
        assert_eq!(said("fd00::2"), "fd00::2");
        assert_eq!(said("2001:db8::7"), "2001:db8::7");
        assert_eq!(said("10.1.1.1"), "itself");
        assert_eq!(caller(b""), "itself");
        assert_eq!(said(""), "itself");
        assert_eq!(
            said(" ,, 192.0.2.7 ,\t,"),
            "192.0.2.7",
            "empty elements are none (RFC 9110 section 5.6.1)"
        );
    }

    #[test]
    fn two_lines_are_one_list() {
        assert_eq!(caller(b"X-Forwarded-For: 192.0.2.7\r\nx-forwarded-for: 10.1.1.1\r\n"), "192.0.2.7");
        assert_eq!(
            caller(b"X-Forwarded-For: 192.0.2.7\r\nX-FORWARDED-FOR: 198.51.100.1\r\n"),
            "198.51.100.1"
        );
        assert_eq!(caller(b"Forwarded: for=192.0.2.7\r\nX-Forwarded-Host: 192.0.2.7\r\n"), "itself");
    }

    #[test]
    fn as_others_write_it() {
        assert_eq!(said("192.0.2.7:1234"), "192.0.2.7");
        assert_eq!(said("[2001:db8::7]"), "2001:db8::7");
        assert_eq!(said("[2001:db8::7]:1234"), "2001:db8::7");
        assert_eq!(said("::ffff:192.0.2.7"), "192.0.2.7", "IPv4 written as IPv6 is the same address");
        assert_eq!(said("::ffff:10.0.0.1"), "itself");
    }

    #[test]
    fn what_is_no_address_is_refused_where_it_counts() {
        for bad in [
            "unknown",
            "_hidden",
            "localhost",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.07",
            "192.0.2.7/32",
            "192.0.2.7:",
            "192.0.2.7:99999",
            "192.0.2.7 198.51.100.1",
            "192.0.2.7;",
            "\"192.0.2.7\"",
            "[192.0.2.7]",
            "[::1",
            "::1]",
            "[]",
            "fe80::1%eth0",
            "::",
            "0.0.0.0",
            "[::]:80",
            "unix",
            "for=192.0.2.7",
            "1:2:3:4:5:6:7:8:9",
        ] {
            assert_eq!(said(bad), "refused", "{bad}");
            assert_eq!(said(&format!("{bad}, 10.1.1.1")), "refused", "{bad} before a proxy");
            assert_eq!(said(&format!("192.0.2.7, {bad}")), "refused", "{bad} at the end");
            assert_eq!(said(&format!("{bad}, 192.0.2.7")), "192.0.2.7", "{bad} is only what somebody said");
        }
        // No text at all does not hide what stands in the same line.
        assert_eq!(caller(b"X-Forwarded-For: \xff\xfe, 192.0.2.7\r\n"), "192.0.2.7");
        assert_eq!(caller(b"X-Forwarded-For: 192.0.2.7, \xff\xfe\r\n"), "refused");
        assert_eq!(caller(b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: \xff\xfe\r\n"), "refused");
        assert_eq!(said(&"1".repeat(5000)), "refused");
        assert_eq!(said(&"1.1.1.1,".repeat(900)), "1.1.1.1");
    }

    #[test]
    fn networks() {
        let trusts = |networks: &str, address: &str| proxies(networks).trust(number(address));
        assert!(trusts("10.0.0.0/8", "10.255.0.1") && !trusts("10.0.0.0/8", "11.0.0.1"));
        assert!(trusts("10.0.0.9/8", "10.255.0.1"), "what is beyond the bits does not count");
        assert!(trusts("10.0.0.2", "10.0.0.2") && !trusts("10.0.0.2", "10.0.0.3"));
        assert!(trusts("::ffff:10.0.0.2", "10.0.0.2") && trusts("10.0.0.2", "::ffff:10.0.0.2"));
        assert!(trusts("fd00::/8", "fdff::1") && !trusts("fd00::/8", "fc00::1"));
        assert!(trusts("0.0.0.0/0", "192.0.2.7") && !trusts("0.0.0.0/0", "2001:db8::7"));
        assert!(trusts("::/0", "192.0.2.7") && trusts("::/0", "2001:db8::7"));
        assert!(!proxies("10.0.0.0/8").trust(UNIX) && proxies("10.0.0.0/8 unix").trust(UNIX));
        assert!(!proxies("::/0 ::/64").trust(UNIX), "all addresses are still addresses");
        assert!(!Proxies::default().trust(UNIX) && !Proxies::default().trust(number("127.0.0.1")));
        for bad in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "::/129",
            "10/8",
            "Unix",
            "board",
        ] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkFault), "{bad}");
        }
    }
}
