//! Names that want to be taken for others, or to be in the way. (Unicode Technical Report 36; CVE-2021-42574.)

use protocol::chat::name::{NameFault, Nick, RoomName, fold};

/// What a nick and a room of this name are told.
fn judged(name: &str) -> [Result<(), NameFault>; 2] {
    [Nick::new(name).map(drop), RoomName::new(name).map(drop)]
}

fn refused(name: &str, fault: NameFault) {
    assert_eq!(judged(name), [Err(fault); 2], "{}", name.escape_unicode());
}

#[test]
fn what_shows_nothing_is_refused() {
    // Soft hyphen, zero-width space and joiners, word joiner, BOM, variation selector, a tag, Mongolian separator.
    for c in "\u{ad}\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{fe0f}\u{e0061}\u{180e}\u{34f}\u{61c}".chars() {
        refused(&format!("anna{c}"), NameFault::Character(c));
        refused(&format!("{c}anna"), NameFault::Start(c));
        refused(&format!("{c}"), NameFault::Start(c));
    }
    // These are letters for Unicode: the Hangul fillers.
    for c in "\u{115f}\u{1160}\u{3164}\u{ffa0}".chars() {
        refused(&format!("anna{c}"), NameFault::Form(c));
        refused(&format!("{c}"), NameFault::Form(c));
    }
}

#[test]
fn what_turns_the_direction_of_writing_is_refused() {
    for c in
        "\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars()
    {
        refused(&format!("anna{c}nimda"), NameFault::Character(c));
        refused(&format!("{c}nimda"), NameFault::Start(c));
    }
}

#[test]
fn marks_stand_on_letters_and_do_not_pile_up() {
    // Most marks are no letters at all: U+0301, with which "é" could be written in a second way.
    refused("re\u{301}sume\u{301}", NameFault::Character('\u{301}'));
    refused("\u{301}", NameFault::Start('\u{301}'));
    refused("a\u{20dd}", NameFault::Character('\u{20dd}'));
    // Of those that are, none stands alone, and three are too many: Greek, Latin, Hebrew, Arabic, Devanagari, Thai.
    for c in "\u{345}\u{363}\u{5b4}\u{64b}\u{93e}\u{e34}".chars() {
        refused(&format!("{c}"), NameFault::Marks);
        refused(&format!("x-{c}"), NameFault::Marks);
        refused(&format!("7{c}"), NameFault::Marks);
        assert_eq!(judged(&format!("x{c}{c}")), [Ok(()); 2]);
        refused(&format!("x{c}{c}{c}"), NameFault::Marks);
    }
    // What people write: Hindi, Thai, Hebrew with points, Arabic with vowels, Tamil.
    for name in ["कीमत", "ไทย", "น้ำ", "שָׁלוֹם", "مُحَمَّد", "தமிழா"]
    {
        let is_written = RoomName::new(name);
        assert!(!matches!(is_written, Err(NameFault::Marks | NameFault::Form(_))), "{name}: {is_written:?}");
    }
}

#[test]
fn a_letter_is_there_once() {
    // Wide, mathematical, in circles, raised, as one character; K is the Kelvin sign, 한 is put together from parts.
    for name in [
        "ａdmin", "𝐚dmin", "ⓐdmin", "ᵃdmin", "ªdmin", "ﬁnn", "Ⅷ", "½", "²", "０", "𝟎", "\u{212a}", "ｱ",
        "\u{f900}",
    ] {
        let form = name.chars().next().unwrap();
        refused(name, NameFault::Form(form));
    }
    refused("\u{1112}\u{1161}\u{11ab}", NameFault::Form('\u{1112}'));
    for name in ["한국", "ㅋㅋ", "﨑", "カナ", "số", "ŀĳ"] {
        assert_eq!(judged(name), [Ok(()); 2], "{name}");
    }
}

#[test]
fn a_nick_is_not_another_s_in_other_letters() {
    // The first of each is Cyrillic, Greek, Cyrillic, Greek.
    for name in ["аdmin", "οmega", "ЅTEAM", "Αnna"] {
        assert_eq!(Nick::new(name), Err(NameFault::MixedScripts), "{name}");
    }
    for name in ["Ωμέγα7", "админ_2", "Änna-2"] {
        assert!(Nick::new(name).is_ok(), "{name}");
    }
    // ৪ is the Bengali 4, ٠ the Arabic 0, ୨ the Odia 2.
    for name in ["bob৪", "bob.٠", "7৪", "৪7", "୨nd"] {
        assert_eq!(Nick::new(name), Err(NameFault::MixedDigits), "{name}");
    }
    for name in ["৪৪", "বাড়ি৪", "علي٠"] {
        assert_ne!(Nick::new(name), Err(NameFault::MixedDigits), "{name}");
    }
    // Case is no other letter. What is typed as 1 for l is somebody's choice, and stays.
    assert!(fold("ADMIN").eq(fold("admin")));
    assert!(Nick::new("adm1n").is_ok());
}

#[test]
fn a_fault_shows_what_it_names_without_doing_it() {
    let said = |name: &str| Nick::new(name).map(drop).unwrap_err().to_string();
    assert_eq!(said("anna\u{202e}"), "a name cannot contain U+202E; use letters, digits and any of - _ .");
    assert_eq!(said("ａ"), "a name cannot contain U+FF41, a special form of a letter; use the plain one");
    assert_eq!(
        said("x\u{345}\u{345}\u{345}"),
        "in a name each letter can have 2 marks, and a mark needs a letter"
    );
    assert_eq!(
        said("bob৪"),
        "a nick cannot mix digits of two scripts, or Latin letters with other digits than 0 to 9"
    );
}

#[test]
fn lobby_and_its_capitals_are_one_room() {
    assert_eq!(RoomName::new("LobbY"), RoomName::new("lobby"));
    assert_eq!(RoomName::new("KÜCHE").map(|n| n.to_string()), Ok("küche".to_string()));
}

#[test]
fn folding_cannot_smuggle_a_bad_name_in() {
    // 'İ' folds to 'i' and a combining dot, which no name may have; 'Ⱥ' grows from two bytes to three.
    assert_eq!(RoomName::new("İ"), Err(NameFault::Character('\u{307}')));
    assert_eq!(RoomName::new("Ⱥ".repeat(32)), Err(NameFault::TooLong(64)));
}
