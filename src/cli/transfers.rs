//! Images on their way: base images that are fetched, and images that are sent.

use super::view::human::{DIM, bytes, counted, styled};
use crate::model::{Address, Event};
use std::collections::BTreeMap;

/// So many are told in the line that says how far all is.
const SHOWN_MAX: usize = 4;

/// All that are under way.
#[derive(Clone, Debug, Default)]
pub struct Transfers {
    /// Blobs of base images, by digest.
    fetches: BTreeMap<String, Fetch>,
    /// Images, by whose they are.
    sendings: BTreeMap<Address, Sending>,
}

#[derive(Clone, Debug)]
struct Fetch {
    image: String,
    done: u64,
    all: u64,
}

#[derive(Clone, Debug, Default)]
struct Sending {
    sentence: String,
    has_resumed: bool,
}

impl Transfers {
    /// Takes in how far one is; answers with a line where it goes on with what an earlier connection had brought.
    pub fn take(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Fetching { image, digest, bytes_done, bytes: all, resumed_at } => {
                let fetch = Fetch { image: image.clone(), done: *bytes_done, all: *all };
                let is_new = self.fetches.insert(digest.clone(), fetch).is_none();
                if bytes_done >= all {
                    self.fetches.remove(digest);
                }
                let line =
                    || format!("    {} a layer of {image} goes on at {} of {}", styled(DIM, "fetch"), bytes(*resumed_at), bytes(*all));
                (is_new && *resumed_at > 0 && bytes_done < all).then(line)
            }
            Event::Sending { address, blobs_done, blobs, bytes_done, bytes: all, resumed_bytes } => {
                let sending = self.sendings.entry(address.clone()).or_default();
                sending.sentence = format!("{blobs_done} of {}, {} of {}", counted(*blobs, "layer"), bytes(*bytes_done), bytes(*all));
                let is_new = *resumed_bytes > 0 && !sending.has_resumed;
                sending.has_resumed |= is_new;
                let line = || format!("     {} {address} goes on after {} that had arrived", styled(DIM, "push"), bytes(*resumed_bytes));
                is_new.then(line)
            }
            _ => None,
        }
    }

    /// An operation ended, and with it what it sent.
    pub fn end(&mut self, address: &Address) {
        self.sendings.remove(address);
    }

    /// How much of an image was sent.
    pub fn sent(&self, address: &Address) -> Option<&str> {
        self.sendings.get(address).map(|sending| sending.sentence.as_str())
    }

    /// How far each base image is.
    pub fn fetching(&self) -> Vec<String> {
        let mut images: BTreeMap<&str, (usize, u64, u64)> = BTreeMap::new();
        for fetch in self.fetches.values() {
            let (blobs, done, all) = images.entry(&fetch.image).or_default();
            (*blobs, *done, *all) = (*blobs + 1, *done + fetch.done, *all + fetch.all);
        }
        let sentence = |(image, (blobs, done, all)): (&str, (usize, u64, u64))| {
            format!("fetching {} of {image}: {} of {}", counted(blobs, "layer"), bytes(done), bytes(all))
        };
        images.into_iter().map(sentence).collect()
    }

    /// A few of all.
    pub fn all(&self) -> Vec<String> {
        let sending = self.sendings.iter().map(|(address, sending)| format!("{address}: {}", sending.sentence));
        self.fetching().into_iter().chain(sending).take(SHOWN_MAX).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: Option<String>) -> Option<String> {
        line.map(|line| anstream::adapter::strip_str(&line).to_string())
    }

    fn fetching(digest: &str, bytes_done: u64, resumed_at: u64) -> Event {
        Event::Fetching { image: "python:3.13".into(), digest: digest.into(), bytes_done, bytes: 40 << 20, resumed_at }
    }

    #[test]
    fn what_is_fetched_is_told_by_image_and_what_goes_on_in_a_line() {
        let mut transfers = Transfers::default();
        assert_eq!(transfers.take(&fetching("a", 4 << 20, 0)), None);
        let line = plain(transfers.take(&fetching("b", 21 << 20, 20 << 20)));
        assert_eq!(line.as_deref(), Some("    fetch a layer of python:3.13 goes on at 20.0 MiB of 40.0 MiB"));
        assert_eq!(transfers.take(&fetching("b", 22 << 20, 20 << 20)), None, "it is told once");
        assert_eq!(transfers.all(), ["fetching 2 layers of python:3.13: 26.0 MiB of 80.0 MiB"]);
        transfers.take(&fetching("a", 40 << 20, 0));
        assert_eq!(transfers.fetching(), ["fetching 1 layer of python:3.13: 22.0 MiB of 40.0 MiB"]);
    }

    #[test]
    fn what_is_sent_is_told_until_it_ends() {
        let address = Address::new("image", "hello");
        let sending = |blobs_done: usize, resumed_bytes: u64| Event::Sending {
            address: address.clone(),
            blobs_done,
            blobs: 3,
            bytes_done: 12 << 20,
            bytes: 40 << 20,
            resumed_bytes,
        };
        let mut transfers = Transfers::default();
        assert_eq!(transfers.take(&sending(1, 0)), None);
        assert_eq!(transfers.sent(&address), Some("1 of 3 layers, 12.0 MiB of 40.0 MiB"));
        let line = plain(transfers.take(&sending(2, 5 << 20)));
        assert_eq!(line.as_deref(), Some("     push image.hello goes on after 5.0 MiB that had arrived"));
        assert_eq!(transfers.take(&sending(2, 5 << 20)), None, "it is told once");
        transfers.end(&address);
        assert_eq!(transfers.all(), Vec::<String>::new());
    }
}
