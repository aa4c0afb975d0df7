//! Compressed bodies, made by hand (RFC 1951 and 1952): a text as it is, and a bomb that unpacks to a thousand
//! times its size or so.

/// How many bytes one match of a bomb stands for: the longest that there is.
const MATCH: usize = 258;

/// `text` in one stored block.
pub fn stored(text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    let mut block = vec![1];
    block.extend(length.to_le_bytes());
    block.extend((!length).to_le_bytes());
    block.extend(text);
    member(&block, text)
}

/// `text` and then at least `blanks` blanks, which is one document with it: 13 bits for 258 of them.
pub fn bomb(text: &[u8], blanks: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    // The last block, with the fixed codes.
    bits.push(0b011, 3);
    for byte in text.iter().chain(b" ") {
        bits.literal(*byte);
    }
    let matches = blanks.div_ceil(MATCH);
    for _ in 0..matches {
        // Code 285, a match of 258 bytes; code 0, at distance 1.
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    bits.code(0, 7);
    let unpacked = [text, &vec![b' '; 1 + matches * MATCH]].concat();
    member(&bits.done(), &unpacked)
}

fn member(block: &[u8], unpacked: &[u8]) -> Vec<u8> {
    let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    member.extend(block);
    member.extend(checksum(unpacked).to_le_bytes());
    member.extend(u32::try_from(unpacked.len()).unwrap().to_le_bytes());
    member
}

/// CRC-32 (RFC 1952, section 8).
fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { 0xedb8_8320 ^ (sum >> 1) } else { sum >> 1 };
    let table: Vec<u32> = (0..256).map(|byte| (0..8).fold(byte, step)).collect();
    !bytes.iter().fold(!0, |sum: u32, byte| table[usize::from(sum.to_le_bytes()[0] ^ byte)] ^ (sum >> 8))
}

/// Bits, the first in the lowest place.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    waiting: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, bits: u32, count: u32) {
        self.waiting |= bits << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.waiting.to_le_bytes()[0]);
            self.waiting >>= 8;
            self.count -= 8;
        }
    }

    /// A Huffman code, which begins with its highest bit.
    fn code(&mut self, code: u32, count: u32) {
        self.push(code.reverse_bits() >> (32 - count), count);
    }

    fn literal(&mut self, byte: u8) {
        match byte {
            0..=143 => self.code(0x30 + u32::from(byte), 8),
            _ => self.code(0x190 + u32::from(byte - 144), 9),
        }
    }

    fn done(mut self) -> Vec<u8> {
        self.push(0, 7);
        self.bytes
    }
}
