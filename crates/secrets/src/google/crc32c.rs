//! The checksum that Secret Manager keeps with a payload.

/// Castagnoli's polynomial, its bits reversed.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// CRC-32C. A payload has 64 KiB at most, so bit by bit is fast enough.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    let after_bit = |crc: u32| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
    let after_byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| after_bit(crc));
    !bytes.iter().fold(!0, after_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard_comes_out() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(b"hello"), 2_591_144_780);
        assert_eq!(crc32c(b""), 0);
    }
}
