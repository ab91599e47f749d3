//! Small numbers as Parquet writes levels and places in a dictionary: runs of one number, or eight at a time packed bit
//! by bit (Parquet format, Encodings, "Run Length Encoding / Bit-Packing Hybrid").

/// Numbers packed together: a run shorter than this is not worth a header.
const GROUP: usize = 8;
/// Groups under one header of one byte.
const GROUPS: u8 = 63;

/// Numbers of at most `width` bits, appended to `out`.
pub(super) struct Hybrid {
    out: Vec<u8>,
    width: u8,
    /// Where the header of the packed groups stands that are being written.
    header: Option<usize>,
    groups: u8,
    held: [u32; GROUP],
    count: usize,
}

impl Hybrid {
    pub(super) const fn new(width: u8, out: Vec<u8>) -> Self {
        Self { out, width, header: None, groups: 0, held: [0; GROUP], count: 0 }
    }

    /// Appends a number so many times.
    pub(super) fn put(&mut self, number: u32, times: usize) {
        // A group that was begun has to be filled first.
        let few = if self.count == 0 { 0 } else { times.min(GROUP - self.count) };
        (0..few).for_each(|_| self.hold(number));
        let rest = times - few;
        if rest >= GROUP {
            self.run(number, rest);
        } else {
            (0..rest).for_each(|_| self.hold(number));
        }
    }

    /// Bytes so far.
    pub(super) const fn size(&self) -> usize {
        self.out.len()
    }

    /// Everything, padded to whole groups.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            (self.count..GROUP).for_each(|_| self.hold(0));
        }
        self.out
    }

    fn run(&mut self, number: u32, times: usize) {
        self.header = None;
        let mut header = (times as u64) << 1;
        while header >= 0x80 {
            self.out.push((header & 0x7f) as u8 | 0x80);
            header >>= 7;
        }
        self.out.push(header as u8);
        let bytes = usize::from(self.width.div_ceil(8));
        self.out.extend(number.to_le_bytes().into_iter().take(bytes));
    }

    fn hold(&mut self, number: u32) {
        if let Some(place) = self.held.get_mut(self.count) {
            *place = number;
        }
        self.count += 1;
        if self.count == GROUP {
            self.pack();
        }
    }

    fn pack(&mut self) {
        let at = *self.header.get_or_insert_with(|| {
            self.groups = 0;
            self.out.push(0);
            self.out.len() - 1
        });
        let (mut bits, mut count) = (0_u64, 0);
        for number in self.held {
            bits |= u64::from(number) << count;
            count += u32::from(self.width);
            while count >= 8 {
                self.out.push((bits & 0xff) as u8);
                bits >>= 8;
                count -= 8;
            }
        }
        self.count = 0;
        self.groups += 1;
        if let Some(header) = self.out.get_mut(at) {
            *header = self.groups << 1 | 1;
        }
        if self.groups == GROUPS {
            self.header = None;
        }
    }
}
