//! The tokens of a LUKS2 header.

use pattern::token::ahead::Ahead;
use pattern::token::{SPENT, Token};

/// Takes the text of one token.
///
/// # Panics
/// When a token is not written as it was read.
pub fn token(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(ahead) = Ahead::parse(text) {
        assert_eq!(Ahead::parse(&ahead.to_json()), Ok(ahead));
    }
    let Ok(Token::Tpm2(token)) = Token::parse(text) else { return };
    let written = token.to_json();
    assert_eq!(Token::parse(&written), Ok(Token::Tpm2(token.clone())), "{written}");
    let _spent = token.is_spent(SPENT, &[]);
    let values = vec![token.bank.zeros(); token.literal.map_or(0, |pcrs| pcrs.iter().count())];
    assert!(!token.is_spent(SPENT, &values), "nothing was measured");
}
