//! Why nothing was measured: one variant a fault, and the fault knows its exit code and its sentence. Must not know who
//! found it.

use std::fmt;
use std::io;

/// What kept load from measuring.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The command line says what cannot be.
    Usage(String),
    /// The name service does not know the host.
    UnknownHost(String),
    /// Nothing listens there.
    NobodyThere {
        /// Where.
        address: String,
    },
    /// Connecting failed otherwise.
    CannotConnect {
        /// Where.
        address: String,
        /// What the system says.
        why: io::Error,
        /// How many were in by then.
        inside: usize,
    },
    /// The server answers 503, or hangs up on newcomers: it is full.
    Full {
        /// How many were in by then.
        inside: usize,
        /// From how many addresses they came.
        sources: usize,
        /// What the server said about it; may be empty.
        said: String,
    },
    /// Another answer than the upgrade.
    Refused {
        /// The first line of the answer.
        status: String,
        /// The first line of its body; may be empty.
        said: String,
    },
    /// A WebSocket, but it does not know the subprotocol.
    NotSnug,
    /// The server has broken a rule of RFC 6455.
    Broken(String),
    /// Nothing happens any more while people come.
    Stuck {
        /// How many are in.
        inside: usize,
        /// Of so many.
        people: usize,
        /// The first thing the server complained about, if it did.
        said: String,
    },
    /// More people than there are descriptors.
    TooFewFiles {
        /// So many are needed.
        needed: u64,
        /// So many may be had.
        allowed: u64,
    },
    /// All ports of an address are in use.
    TooFewPorts,
    /// The system refuses something that should always work.
    System(io::Error),
}

impl Fault {
    /// 2 for wrong usage, 1 for what could not be done.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// How a Snug server is started for this.
const NO_LIMITS: &str = "server --max-connections 0 --max-connections-per-address 0 --max-rate 0";
/// What a Snug server takes from one address, unless told otherwise.
const PER_ADDRESS: usize = 100;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(sentence) => f.write_str(sentence),
            Self::UnknownHost(host) => {
                write!(f, "cannot find the host \"{host}\"; check the name or give --server ADDRESS")
            }
            Self::NobodyThere { address } => write!(
                f,
                "nothing listens at {address}; start a server there (`{NO_LIMITS}`), or name another with --server"
            ),
            Self::CannotConnect { address, why, inside } => {
                write!(f, "cannot connect to {address}: {why}")?;
                match inside {
                    0 => f.write_str("; check the network and --server"),
                    inside => write!(f, "; {inside} were in by then, so the server may be full"),
                }
            }
            Self::Full { inside, sources, said } => {
                write!(f, "the server let {inside} in and refused the next")?;
                if !said.is_empty() {
                    write!(f, " (\"{said}\")")?;
                }
                if *inside <= PER_ADDRESS * sources {
                    write!(
                        f,
                        "; a Snug server takes {PER_ADDRESS} from one address: start it with \
                         --max-connections-per-address 0, or let people come from more addresses with --sources"
                    )
                } else {
                    write!(
                        f,
                        "; a Snug server takes 4,000 in all, and nobody new when most of its memory is in use: \
                         start it with --max-connections 0, and with more --max-memory"
                    )
                }
            }
            Self::Refused { status, said } if said.is_empty() => {
                write!(f, "the server answers \"{status}\" instead of a WebSocket; check the path in --url")
            }
            Self::Refused { status, said } => write!(
                f,
                "the server answers \"{status}\" instead of a WebSocket (\"{said}\"); check the path in --url"
            ),
            Self::NotSnug => f.write_str("the server does not speak snug.v1; try --dialect plain"),
            Self::Broken(rule) => write!(f, "the server breaks a rule of WebSocket: {rule}"),
            Self::Stuck { inside, people, said } => {
                write!(f, "{inside} of {people} are in, and for half a minute nobody else gets in")?;
                match said.as_str() {
                    "" => f.write_str("; check that it is a chat server, and the path in --url"),
                    said => write!(f, "; the server said: {said}"),
                }
            }
            Self::TooFewFiles { needed, allowed } => write!(
                f,
                "so many people need {needed} open files, and {allowed} are allowed here; allow more \
                 (`ulimit -n {needed}` as root) or take fewer --people"
            ),
            Self::TooFewPorts => f.write_str(
                "no ports are left for more connections from one address; let them come from more with --sources 4",
            ),
            Self::System(error) => write!(f, "the system refuses: {error}"),
        }
    }
}
