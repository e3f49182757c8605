//! Parsing the files of a project, side by side where there is much to parse.

use crate::project::SourceFile;
use weir_lang::parse::Parsed;
use weir_lang::span::FileId;

/// Bytes of text for which a second thread is worth starting.
const WORTH_A_THREAD: usize = 64 * 1024;

/// The files parsed, in their order.
pub fn all(files: &[SourceFile]) -> Vec<Parsed> {
    let bytes: usize = files.iter().map(|file| file.text.len()).sum();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(bytes / WORTH_A_THREAD).clamp(1, 8);
    if threads == 1 {
        return files.iter().enumerate().map(|(at, file)| one(at, file)).collect();
    }
    let mut parsed: Vec<(usize, Parsed)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|worker| scope.spawn(move || share(files, worker, threads))).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    parsed.sort_by_key(|(at, _)| *at);
    parsed.into_iter().map(|(_, parsed)| parsed).collect()
}

/// Every `threads`-th file, from `worker` on.
fn share(files: &[SourceFile], worker: usize, threads: usize) -> Vec<(usize, Parsed)> {
    let mine = files.iter().enumerate().skip(worker).step_by(threads);
    mine.map(|(at, file)| (at, one(at, file))).collect()
}

fn one(at: usize, file: &SourceFile) -> Parsed {
    weir_lang::parse(FileId(u32::try_from(at).unwrap_or(u32::MAX)), &file.text)
}
