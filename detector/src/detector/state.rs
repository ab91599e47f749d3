//! The fold's state, written out as it was at one moment while events are folded on, and read back. What there is most
//! of (actors, places, sessions) goes a slice at a time, see `slab.rs`. All else goes at once, while nothing is
//! folded: it is bounded, and mostly little beside these. At its bounds it is not: the judge may hold 65,536 alerts,
//! the chains a million hops, the groups 4,096 places each, and each place is found by a few names.

use super::{Counts, Detector};
use crate::actor::Actor;
use crate::actors::Actors;
use crate::chain::Chains;
use crate::groups::Groups;
use crate::judge::Judge;
use crate::place::Place;
use crate::places::Places;
use crate::population::Population;
use crate::recent::{Generations, Recent};
use crate::seat::Seats;
use crate::session::{Session, Sessions};
use crate::settings::Settings;
use crate::slab::{Slab, Slice};
use crate::snapshot::{Error, Frame, Kind};
use interdict_schemas::Time;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// All but what goes a slice at a time.
#[derive(Serialize, Deserialize)]
struct Rest<A, P, E, O, G, S, C, J, R> {
    // Numbers given out to actors, places, sessions.
    ends: [u32; 3],
    counts: Counts,
    newest: Time,
    first: Option<Time>,
    apart: (i64, u32),
    pace: (i64, u32, u32),
    actors: A,
    places: P,
    seats: E,
    population: O,
    groups: G,
    sessions: S,
    chains: C,
    judge: J,
    recent: R,
}

type Whole = Rest<Actors, Places, Seats, Population, Groups, Sessions, Chains, Judge, Generations>;

/// Bytes of the rest that are one frame.
const PART: usize = 4 << 20;
/// Things of one kind that a snapshot may number: a number costs memory, whether there is something or not.
const MOST: u32 = 1 << 28;

/// A state that is being read back.
#[derive(Debug)]
pub struct Restoring {
    detector: Detector,
    rest: Vec<u8>,
    ends: Option<[u32; 3]>,
}

impl Detector {
    /// What a state depends on besides the events: whoever has the same goes on from it and says the same.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let detections: Vec<_> = self.detections.iter().map(|asked| (asked.number, asked.detection.name())).collect();
        let of = format!("{} {:?} {:?}", env!("CARGO_PKG_VERSION"), self.settings, detections);
        Sha256::digest(of).into()
    }

    /// Begins to write out the state of this moment, in place of an earlier writing; gives all but actors, places and
    /// sessions.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn begin_writing(&mut self) -> Result<Vec<Frame>, Error> {
        let rest = Rest {
            ends: [self.actors.slab().end(), self.places.slab().end(), self.sessions.slab().end()],
            counts: self.counts,
            newest: self.newest,
            first: self.first,
            apart: self.apart,
            pace: self.pace,
            actors: &self.actors,
            places: &self.places,
            seats: &self.seats,
            population: &self.population,
            groups: &self.groups,
            sessions: &self.sessions,
            chains: &self.chains,
            judge: &self.judge,
            recent: &self.recent,
        };
        let bytes = postcard::to_stdvec(&rest)?;
        self.actors.slab_mut().begin();
        self.places.slab_mut().begin();
        self.sessions.slab_mut().begin();
        Ok(bytes.chunks(PART).map(|part| Frame { kind: Kind::Rest, bytes: part.to_vec() }).collect())
    }

    /// The next slice, of so many things of each kind; whether it is the last.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn write_slice(&mut self, things: u32) -> Result<(Vec<Frame>, bool), Error> {
        let mut frames = Vec::new();
        let last = [
            slice(self.actors.slab_mut(), things, Kind::Actors, &mut frames)?,
            slice(self.places.slab_mut(), things, Kind::Places, &mut frames)?,
            slice(self.sessions.slab_mut(), things, Kind::Sessions, &mut frames)?,
        ];
        let is_last = last.iter().all(|last| *last);
        if is_last {
            self.end_writing();
        }
        Ok((frames, is_last))
    }

    /// Ends a writing, done or not.
    pub fn end_writing(&mut self) {
        self.actors.slab_mut().end_writing();
        self.places.slab_mut().end_writing();
        self.sessions.slab_mut().end_writing();
    }
}

fn slice<T: Serialize>(slab: &mut Slab<T>, things: u32, kind: Kind, to: &mut Vec<Frame>) -> Result<bool, Error> {
    let slice = slab.slice(things);
    let bytes = slab.written();
    if !bytes.is_empty() {
        to.push(Frame { kind, bytes });
    }
    match slice {
        Slice::More => Ok(false),
        Slice::Done => Ok(true),
        Slice::Failed => Err(Error::Frame("something cannot be written")),
    }
}

impl Restoring {
    /// Begins with a detector that has folded nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { detector: Detector::new(settings), rest: Vec::new(), ends: None }
    }

    /// As [`Detector::fingerprint`].
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.detector.fingerprint()
    }

    /// Takes a piece in.
    ///
    /// # Errors
    /// When it makes no sense.
    pub fn take(&mut self, frame: Frame) -> Result<(), Error> {
        if frame.kind == Kind::Rest {
            self.rest.extend_from_slice(&frame.bytes);
            return Ok(());
        }
        let [actors, places, sessions] = match self.ends {
            Some(ends) => ends,
            None => self.take_rest()?,
        };
        match frame.kind {
            Kind::Actors => put::<Actor>(self.detector.actors.slab_mut(), &frame.bytes, actors),
            Kind::Places => put::<Place>(self.detector.places.slab_mut(), &frame.bytes, places),
            Kind::Sessions => put::<Session>(self.detector.sessions.slab_mut(), &frame.bytes, sessions),
            Kind::Head | Kind::Rest | Kind::End => Err(Error::Frame("a piece out of order")),
        }
    }

    fn take_rest(&mut self) -> Result<[u32; 3], Error> {
        let rest: Whole = postcard::from_bytes(&std::mem::take(&mut self.rest))?;
        if rest.ends.iter().any(|end| *end > MOST) {
            return Err(Error::Frame("too many things"));
        }
        self.ends = Some(rest.ends);
        let detector = &mut self.detector;
        // How much is remembered is for the settings to say, not for what is read back.
        let recent = Recent::of(detector.settings.bounds.recent, &rest.recent)
            .ok_or(Error::Frame("more events than are remembered"))?;
        (detector.counts, detector.newest, detector.first) = (rest.counts, rest.newest, rest.first);
        detector.pace = rest.pace;
        (detector.apart, detector.recent, detector.seats) = (rest.apart, recent, rest.seats);
        (detector.actors, detector.places, detector.sessions) = (rest.actors, rest.places, rest.sessions);
        (detector.population, detector.groups) = (rest.population, rest.groups);
        (detector.chains, detector.judge) = (rest.chains, rest.judge);
        Ok(rest.ends)
    }

    /// The detector, once all is taken in.
    ///
    /// # Errors
    /// When what was taken in makes no sense.
    pub fn end(mut self) -> Result<Detector, Error> {
        let ends = match self.ends {
            Some(ends) => ends,
            None => self.take_rest()?,
        };
        let mut detector = self.detector;
        detector.actors.restored(ends[0])?;
        detector.places.slab_mut().restored(ends[1]);
        detector.sessions.restored()?;
        Ok(detector)
    }
}

fn put<T: DeserializeOwned + Serialize>(slab: &mut Slab<T>, mut bytes: &[u8], end: u32) -> Result<(), Error> {
    while !bytes.is_empty() {
        let ((number, thing), rest) = postcard::take_from_bytes::<(u32, T)>(bytes)?;
        if !slab.restore(number, thing, end) {
            return Err(Error::Frame("a number twice, or one that was never given out"));
        }
        bytes = rest;
    }
    Ok(())
}
