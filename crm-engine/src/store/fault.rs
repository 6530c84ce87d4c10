//! A simulated disk that loses power, fails and fills up: the ground of the crash tests.
//!
//! The disk holds several named files. Each has the image that was synced last and the list of
//! writes made since. When the power is cut, each sector (512 bytes) of each unsynced write is kept
//! or lost by itself, so that writes survive in any order, torn, or not at all; what was synced
//! survives whole. The choice follows from a seed, so a failing case can be run again.
//!
//! Names of files are always durable here: the store syncs their directory when it makes them.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use super::redb_engine::RedbEngine;
use super::{Store, StoreOptions, recover};
use crate::error::Result;

/// What a disk writes as one piece.
const SECTOR_BYTES: usize = 512;

/// A disk of named files in memory. Clones of the handle share the disk.
///
/// ```
/// use crm_engine::store::{Read, StoreOptions, fault::{Fault, SimulatedDisk}};
/// let disk = SimulatedDisk::default();
/// let store = disk.create_store("base.crm", &StoreOptions::default())?;
/// store.write(|txn| txn.put(b"item/17", b"roof"))?;
/// disk.schedule(Fault::PowerCut { operations: 0 });
/// assert!(store.write(|txn| txn.put(b"item/17", b"tiles")).is_err());
///
/// let survivor = disk.after_power_cut(1);
/// let store = survivor.open_store("base.crm", &StoreOptions::default())?;
/// assert!(store.snapshot()?.get(b"item/17")?.is_some());
/// # Ok::<(), crm_engine::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<Disk>>);

/// What shall go wrong, counted in writes, changes of length and syncs from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// After so many operations the power goes, in the middle of the next one; nothing works then.
    PowerCut {
        /// The operations that still succeed.
        operations: u64,
    },
    /// After so many operations one fails, and does nothing; later ones work again.
    Error {
        /// The operations that still succeed.
        operations: u64,
    },
    /// All files together may not grow beyond so many bytes.
    Full {
        /// The size of the disk.
        bytes_max: u64,
    },
}

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<String, FileState>,
    fault: Fault,
    operations: u64,
    dark: bool,
}

#[derive(Debug, Clone, Default)]
struct FileState {
    /// What survives for certain.
    synced: Vec<u8>,
    /// What is read.
    current: Vec<u8>,
    /// What leads from the first to the second, in order.
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, data: Vec<u8> },
    Length(usize),
}

impl SimulatedDisk {
    /// Makes a store in a new file of the disk.
    ///
    /// # Errors
    /// As [`Store::create`].
    pub fn create_store(&self, name: &str, options: &StoreOptions) -> Result<Store> {
        let engine = RedbEngine::create(self.file(name), options)?;
        Store::with_engine(Box::new(engine), options)
    }

    /// Opens the store in a file of the disk.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_store(&self, name: &str, options: &StoreOptions) -> Result<Store> {
        let engine = RedbEngine::open(|| Ok(self.file(name)), options)?;
        Store::with_engine(Box::new(engine), options)
    }

    /// A file of the disk, made when there is none of that name.
    #[must_use]
    pub fn file(&self, name: &str) -> SimulatedFile {
        self.disk().files.entry(name.to_owned()).or_default();
        SimulatedFile {
            disk: self.clone(),
            name: name.to_owned(),
        }
    }

    /// Lets something go wrong from now on, in place of what was scheduled before.
    pub fn schedule(&self, fault: Fault) {
        let mut disk = self.disk();
        disk.fault = fault;
        disk.operations = 0;
    }

    /// The operations since the last [`schedule`](SimulatedDisk::schedule).
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// The bytes of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.disk().bytes()
    }

    /// The content of a file as it is read now; empty when there is none of that name.
    #[must_use]
    pub fn content(&self, name: &str) -> Vec<u8> {
        self.disk()
            .files
            .get(name)
            .map(|file| file.current.clone())
            .unwrap_or_default()
    }

    /// A disk of its own with the same content, as a process finds it that starts after another
    /// one ended: nothing was lost and nothing is scheduled.
    #[must_use]
    pub fn after_restart(&self) -> SimulatedDisk {
        SimulatedDisk::of(self.disk().files.clone())
    }

    /// A disk of its own with what survives a power cut now.
    #[must_use]
    pub fn after_power_cut(&self, seed: u64) -> SimulatedDisk {
        let mut random = Random::new(seed);
        let disk = self.disk();
        let files = disk.files.iter().map(|(name, file)| {
            let image = file.surviving(&mut random);
            (
                name.clone(),
                FileState {
                    synced: image.clone(),
                    current: image,
                    unsynced: vec![],
                },
            )
        });
        SimulatedDisk::of(files.collect())
    }

    fn of(files: BTreeMap<String, FileState>) -> SimulatedDisk {
        SimulatedDisk(Arc::new(Mutex::new(Disk {
            files,
            ..Disk::default()
        })))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        recover(self.0.lock())
    }
}

impl Disk {
    fn bytes(&self) -> u64 {
        self.files
            .values()
            .map(|file| file.current.len() as u64)
            .sum()
    }

    fn file(&mut self, name: &str) -> io::Result<&mut FileState> {
        if self.dark {
            return Err(io::Error::other("the power is off"));
        }
        self.files
            .get_mut(name)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Applies a change to a file, or what is scheduled instead.
    fn change(&mut self, name: &str, change: Change) -> io::Result<()> {
        let cut = self.count()?;
        if let Fault::Full { bytes_max } = self.fault {
            let file = self.file(name)?;
            let growth = change.end().saturating_sub(file.current.len()) as u64;
            if growth > 0 && self.bytes() + growth > bytes_max {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        let file = self.file(name)?;
        change.apply(&mut file.current);
        file.unsynced.push(change);
        self.cut_if(cut)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        if self.count()? {
            return self.cut_if(true);
        }
        let file = self.file(name)?;
        for change in file.unsynced.drain(..) {
            change.apply(&mut file.synced);
        }
        Ok(())
    }

    /// Counts an operation; true when the power goes during this one.
    fn count(&mut self) -> io::Result<bool> {
        let before = self.operations;
        self.operations += 1;
        match self.fault {
            Fault::Error { operations } if before == operations => {
                Err(io::Error::other("a simulated failure"))
            }
            Fault::PowerCut { operations } => Ok(before >= operations),
            _ => Ok(false),
        }
    }

    fn cut_if(&mut self, cut: bool) -> io::Result<()> {
        self.dark |= cut;
        if cut {
            Err(io::Error::other("the power went off"))
        } else {
            Ok(())
        }
    }
}

impl FileState {
    /// The image after a power cut: each sector of each unsynced write is there or not.
    fn surviving(&self, random: &mut Random) -> Vec<u8> {
        let mut image = self.synced.clone();
        for change in &self.unsynced {
            // Some writes are taken or lost whole, as a cut often falls between two of them.
            let fate = random.below(4);
            match change {
                _ if fate == 0 => {}
                Change::Write { offset, data } if fate > 1 => {
                    for (start, sector) in sectors(*offset, data) {
                        if random.below(2) == 0 {
                            write(&mut image, start, sector);
                        }
                    }
                }
                whole => whole.apply(&mut image),
            }
        }
        image
    }
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Change::Write { offset, data } => write(image, *offset, data),
            Change::Length(length) => image.resize(*length, 0),
        }
    }

    /// Where the file ends at least after the change.
    fn end(&self) -> usize {
        match self {
            Change::Write { offset, data } => offset + data.len(),
            Change::Length(length) => *length,
        }
    }
}

fn write(image: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(data);
}

/// The pieces of a write that lie in different sectors, each with its place.
fn sectors(offset: usize, data: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let head = (SECTOR_BYTES - offset % SECTOR_BYTES).min(data.len());
    let (first, rest) = data.split_at(head);
    let pieces = std::iter::once(first).chain(rest.chunks(SECTOR_BYTES));
    pieces.scan(offset, |place, piece| {
        let start = *place;
        *place += piece.len();
        Some((start, piece))
    })
}

/// A file of a [`SimulatedDisk`].
#[derive(Debug, Clone)]
pub struct SimulatedFile {
    disk: SimulatedDisk,
    name: String,
}

impl SimulatedFile {
    /// Its length.
    ///
    /// # Errors
    /// Any when the power is off.
    pub fn length(&self) -> io::Result<u64> {
        Ok(self.disk.disk().file(&self.name)?.current.len() as u64)
    }

    /// Fills `out` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` behind the end of the file, any when the power is off.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut disk = self.disk.disk();
        let file = disk.file(&self.name)?;
        let start = place(offset)?;
        let piece = file.current.get(start..start.saturating_add(out.len()));
        out.copy_from_slice(piece.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    /// Writes `data` at `offset`; it is durable after the next [`sync`](SimulatedFile::sync).
    ///
    /// # Errors
    /// What is scheduled.
    pub fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let change = Change::Write {
            offset: place(offset)?,
            data: data.to_vec(),
        };
        self.disk.disk().change(&self.name, change)
    }

    /// Cuts the file or lengthens it with zeros.
    ///
    /// # Errors
    /// What is scheduled.
    pub fn set_length(&self, length: u64) -> io::Result<()> {
        self.disk
            .disk()
            .change(&self.name, Change::Length(place(length)?))
    }

    /// Makes everything written to the file durable.
    ///
    /// # Errors
    /// What is scheduled; nothing became durable then.
    pub fn sync(&self) -> io::Result<()> {
        self.disk.disk().sync(&self.name)
    }
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl StorageBackend for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        self.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.read_at(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.set_length(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_at(offset, data)
    }
}

/// Numbers that look random and follow from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to and without `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_number() % bound
    }
}
