//! Bytes in hexadecimal.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two small digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| DIGITS.get(usize::from(half)).map_or('0', |digit| char::from(*digit));
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn every_byte_is_two_digits() {
        assert_eq!(hex(&[]), "");
        for byte in 0..=u8::MAX {
            assert_eq!(hex(&[byte, 7]), format!("{byte:02x}07"));
        }
    }
}
