//! What the processes of an environment use. Only Linux tells; elsewhere nothing is known.

use std::collections::VecDeque;
use std::path::Path;

/// A process and all below it, without the wrappers above the function's own.
#[derive(Debug, Clone, Copy)]
pub struct Tree {
    pub root: u32,
    /// How many generations from the root on are not the function's.
    pub wrappers: usize,
}

impl Tree {
    fn processes(self) -> Vec<u32> {
        let mut top = vec![self.root];
        for _ in 0..self.wrappers {
            top = top.into_iter().flat_map(children).collect();
        }
        let mut found = Vec::new();
        let mut open = VecDeque::from(top);
        while let Some(process) = open.pop_front() {
            open.extend(children(process));
            found.push(process);
        }
        found
    }

    /// The most that the processes that live now ever held in memory, summed up, in bytes.
    pub fn peak_bytes(self) -> Option<u64> {
        let figures: Vec<u64> = self.processes().into_iter().filter_map(|process| status_bytes(process, "VmHWM:")).collect();
        (!figures.is_empty()).then(|| figures.iter().sum())
    }

    /// What the processes hold in memory now, in bytes.
    pub fn resident_bytes(self) -> u64 {
        self.processes().into_iter().filter_map(|process| status_bytes(process, "VmRSS:")).sum()
    }

    /// The same, with memory that processes share counted once. It costs the kernel more.
    pub fn proportional_bytes(self) -> u64 {
        let share = |process: u32| {
            let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
            // A process that may not be looked into counts with all that it holds.
            kilobytes(&rollup, "Pss:").or_else(|| status_bytes(process, "VmRSS:")).unwrap_or(0)
        };
        self.processes().into_iter().map(share).sum()
    }
}

/// The processes that a process started and that still live.
pub fn children(process: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>()).collect()
}

fn status_bytes(process: u32, field: &str) -> Option<u64> {
    kilobytes(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?, field)
}

fn kilobytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The size of all files below a folder, in bytes.
pub fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(details) if details.is_dir() => folder_bytes(&entry.path()),
            Ok(details) => details.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_knows_its_own_memory() {
        let tree = Tree { root: std::process::id(), wrappers: 0 };
        let (resident, peak) = (tree.resident_bytes(), tree.peak_bytes().unwrap());
        assert!(resident > 1024 * 1024 && peak >= tree.proportional_bytes());
    }
}
