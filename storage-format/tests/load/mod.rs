//! The load that block sizes are held to, for the test and the bench alike.
//!
//! Series of several kinds over steps of ten seconds, cut into blocks of 120 slots. Every value comes
//! from a seeded generator, so sizes are the same in each run.

use plumbago_storage_format::block::{Place, Span, Writer};

/// Slots a block.
pub const SLOTS: usize = 120;

/// The kinds of series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows by 0 to 999 a step.
    Counter,
    /// Never changes.
    Constant,
    /// Two decimals, moves by -0.50 to +0.50 a step.
    Walk,
    /// Uniform in [0, 1) with 53 random bits.
    Uniform,
    /// Uniform in [0, 100).
    UniformHundred,
    /// Normally distributed around 0.
    Gauss,
    /// The mean of six whole numbers, as a rollup makes it.
    MeanOfSix,
    /// The mean of six two-decimal values, summed in floating point.
    MeanOfDecimals,
    /// 0 or 1, rarely changing.
    State,
    /// A counter that misses one slot in ten.
    Gappy,
    /// One value in the whole block.
    Sparse,
    /// A slow sine, in full precision.
    Sine,
    /// A normally distributed walk, in full precision.
    GaussWalk,
    /// Two in three values are zero, the others full-precision floats.
    ZeroOrFloat,
    /// Decimals summed up in floating point, so that errors pile up.
    DriftingSum,
    /// Bytes in pages of 4,096.
    Pages,
}

/// The four kinds of the target load, a quarter each.
pub const TARGET: [Kind; 4] = [Kind::Counter, Kind::Constant, Kind::Walk, Kind::Uniform];

/// All kinds, for the table of sizes.
pub const ALL: [Kind; 16] = [
    Kind::Counter,
    Kind::Constant,
    Kind::Walk,
    Kind::Uniform,
    Kind::UniformHundred,
    Kind::Gauss,
    Kind::MeanOfSix,
    Kind::MeanOfDecimals,
    Kind::State,
    Kind::Gappy,
    Kind::Sparse,
    Kind::Sine,
    Kind::GaussWalk,
    Kind::ZeroOrFloat,
    Kind::DriftingSum,
    Kind::Pages,
];

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, limit: u64) -> i64 {
        (self.next() % limit) as i64
    }

    fn gauss(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Uniform in [0, 1), of 53 bits.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// One series that goes on from block to block.
#[derive(Clone, Debug)]
pub struct Source {
    kind: Kind,
    random: Random,
    state: i64,
    level: f64,
}

impl Source {
    /// The series number `id` of a kind.
    pub fn new(kind: Kind, id: u32) -> Self {
        let mut random = Random(u64::from(id) << 32 | 0xb10c);
        let state = match kind {
            Kind::Walk | Kind::MeanOfDecimals => 5_000,
            Kind::State => 1,
            _ => random.below(1_000),
        };
        Self {
            kind,
            random,
            state,
            level: 50.0,
        }
    }

    fn walk(&mut self) -> i64 {
        self.state += self.random.below(101) - 50;
        self.state
    }

    /// The values of the next block.
    pub fn fill(&mut self, values: &mut [f64]) {
        let only = self.random.below(values.len() as u64) as usize;
        for (slot, value) in values.iter_mut().enumerate() {
            *value = self.next(slot == only);
        }
    }

    fn next(&mut self, is_chosen: bool) -> f64 {
        match self.kind {
            Kind::Constant => self.state as f64,
            Kind::Counter => {
                self.state += self.random.below(1_000);
                self.state as f64
            }
            Kind::Walk => self.walk() as f64 / 100.0,
            Kind::Uniform => self.random.unit(),
            Kind::UniformHundred => self.random.unit() * 100.0,
            Kind::Gauss => self.random.gauss(),
            Kind::MeanOfSix => (0..6).map(|_| self.random.below(1_000) as f64).sum::<f64>() / 6.0,
            Kind::MeanOfDecimals => (0..6).map(|_| self.walk() as f64 / 100.0).sum::<f64>() / 6.0,
            Kind::State => {
                self.state ^= i64::from(self.random.below(50) == 0);
                self.state as f64
            }
            Kind::Gappy => {
                self.state += self.random.below(1_000);
                let is_missing = self.random.below(10) == 0;
                if is_missing {
                    f64::NAN
                } else {
                    self.state as f64
                }
            }
            Kind::Sine => {
                self.level += 0.01;
                50.0 + 20.0 * self.level.sin()
            }
            Kind::GaussWalk => {
                self.level += self.random.gauss() / 10.0;
                self.level
            }
            Kind::ZeroOrFloat if self.random.below(3) > 0 => 0.0,
            Kind::ZeroOrFloat => self.random.unit() * 10.0,
            Kind::DriftingSum => {
                self.level += (self.random.below(101) - 50) as f64 / 100.0;
                self.level
            }
            Kind::Pages => {
                self.state += self.random.below(1_001) - 500;
                (2_000_000 + self.state) as f64 * 4096.0
            }
            Kind::Sparse if is_chosen => self.random.below(1_000) as f64,
            Kind::Sparse => f64::NAN,
        }
    }
}

/// Blocks of `series` series, the given kinds in turn; answers their bytes.
pub fn blocks(kinds: &[Kind], series: u32, count: usize) -> Vec<Vec<u8>> {
    let mut sources: Vec<Source> = (0..series)
        .map(|id| Source::new(kinds[id as usize % kinds.len()], id))
        .collect();
    let mut values = [0.0; SLOTS];
    (0..count)
        .map(|number| {
            let mut writer = Writer::new(span(number));
            for (id, source) in sources.iter_mut().enumerate() {
                source.fill(&mut values);
                writer.push(id as u32, &values);
            }
            writer.finish()
        })
        .collect()
}

/// The span of the block of that number.
pub fn span(number: usize) -> Span {
    Span {
        place: Place::default(),
        sequence: number as u64,
        first_slot_s: 1_700_000_040 + (number * SLOTS) as i64 * 10,
        step_s: 10,
        slots: SLOTS as u32,
    }
}

/// Bytes a slot of such blocks, headers and indexes included.
pub fn bytes_a_slot(kinds: &[Kind], series: u32, count: usize) -> f64 {
    let bytes: usize = blocks(kinds, series, count).iter().map(Vec::len).sum();
    bytes as f64 / (f64::from(series) * (count * SLOTS) as f64)
}
