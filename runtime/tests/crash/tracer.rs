//! Follows a process through its system calls and stops it at the one that is wanted.

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What happens at a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The process is killed before the call is carried out.
    Kill,
    /// The call and all that follow fail: the disk is full.
    NoSpace,
    /// This one call fails: the disk does not answer.
    IoError,
}

/// How a traced process ended.
#[derive(Debug)]
pub struct Traced {
    /// System calls that touched the folder.
    pub calls: usize,
    /// Its exit code; None: killed.
    pub code: Option<i32>,
}

struct Tracer<'a> {
    root: Pid,
    folder: &'a Path,
    harm: Option<(Harm, usize)>,
    calls: usize,
    /// Threads between the entry and the exit of a call.
    inside: BTreeSet<Pid>,
    /// Calls that are to fail, by thread.
    failing: BTreeMap<Pid, Errno>,
}

/// Runs a process that waits for a byte on its stdin, and harms it at its `at`th call (from 1), if that is wanted.
pub fn trace(mut command: Command, folder: &Path, harm: Option<(Harm, usize)>) -> Traced {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let root = Pid::from_raw(i32::try_from(child.id()).unwrap());
    seize(&mut child, root);
    let mut tracer = Tracer { root, folder, harm, calls: 0, inside: BTreeSet::new(), failing: BTreeMap::new() };
    let code = tracer.follow();
    // Already reaped; this only closes its pipes.
    drop(child.stdin.take());
    Traced { calls: tracer.calls, code }
}

fn seize(child: &mut Child, root: Pid) {
    let options = ptrace::Options::PTRACE_O_TRACESYSGOOD
        | ptrace::Options::PTRACE_O_TRACECLONE
        | ptrace::Options::PTRACE_O_EXITKILL;
    let tasks = |pid: Pid| {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        tasks
            .map(|task| Pid::from_raw(task.unwrap().file_name().to_str().unwrap().parse().unwrap()))
            .collect::<Vec<_>>()
    };
    // Threads that begin meanwhile are found in the next round; in the end all wait for the byte.
    let mut seized = BTreeSet::new();
    for _ in 0..2_000 {
        let waits = waits_for_its_byte(root);
        let mut found = false;
        for task in tasks(root) {
            if seized.insert(task) && ptrace::seize(task, options).is_ok() {
                found = true;
                let _ = ptrace::interrupt(task);
            }
        }
        if waits && !found {
            break;
        }
        std::thread::sleep(std::time::Duration::from_micros(500));
        resume_stopped();
    }
    child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
}

/// Lets threads go on that were stopped by being seized.
fn resume_stopped() {
    let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD | WaitPidFlag::WNOHANG;
    while let Ok(status) = waitpid(None, Some(flags)) {
        match status.pid() {
            Some(pid) => drop(ptrace::syscall(pid, None)),
            None => break,
        }
    }
}

/// Whether a thread of the process reads from its stdin.
fn waits_for_its_byte(root: Pid) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{root}/task")) else { return true };
    tasks
        .flatten()
        .any(|task| std::fs::read_to_string(task.path().join("syscall")).is_ok_and(|call| call.starts_with("0 0x0 ")))
}

impl Tracer<'_> {
    fn follow(&mut self) -> Option<i32> {
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            let status = match waitpid(None, Some(flags)) {
                Ok(status) => status,
                Err(Errno::EINTR) => continue,
                Err(error) => panic!("the process is lost: {error}"),
            };
            match status {
                WaitStatus::Exited(pid, code) if pid == self.root => return Some(code),
                WaitStatus::Signaled(pid, ..) if pid == self.root => return None,
                WaitStatus::PtraceSyscall(pid) => {
                    self.at_call(pid);
                    let _ = ptrace::syscall(pid, None);
                }
                WaitStatus::Stopped(pid, signal) => {
                    let passed = (signal != Signal::SIGTRAP && signal != Signal::SIGSTOP).then_some(signal);
                    let _ = ptrace::syscall(pid, passed);
                }
                WaitStatus::PtraceEvent(pid, ..) => drop(ptrace::syscall(pid, None)),
                _ => {}
            }
        }
    }

    fn at_call(&mut self, thread: Pid) {
        if !self.inside.insert(thread) {
            self.inside.remove(&thread);
            if let Some(errno) = self.failing.remove(&thread)
                && let Ok(mut registers) = ptrace::getregs(thread)
            {
                registers.rax = i64::from(-(errno as i32)) as u64;
                let _ = ptrace::setregs(thread, registers);
            }
            return;
        }
        let Ok(mut registers) = ptrace::getregs(thread) else { return };
        let Some(own) = self.touches(registers.orig_rax, registers.rdi, registers.rdx) else { return };
        let Some((harm, at)) = self.harm else {
            self.calls += 1;
            return;
        };
        // What the tool does is no matter of the disk's.
        if harm != Harm::Kill && !own {
            return;
        }
        self.calls += 1;
        match harm {
            Harm::Kill if self.calls == at => drop(kill(self.root, Signal::SIGKILL)),
            Harm::NoSpace if self.calls >= at => self.fail(thread, &mut registers, Errno::ENOSPC),
            Harm::IoError if self.calls == at => self.fail(thread, &mut registers, Errno::EIO),
            _ => {}
        }
    }

    fn fail(&mut self, thread: Pid, registers: &mut nix::libc::user_regs_struct, errno: Errno) {
        registers.orig_rax = u64::MAX;
        if ptrace::setregs(thread, *registers).is_ok() {
            self.failing.insert(thread, errno);
        }
    }

    /// Whether a call changes something in the folder; `true` in it: something of the store's own.
    fn touches(&self, call: u64, first: u64, third: u64) -> Option<bool> {
        const BY_FILE: [u64; 6] = [1, 18, 74, 75, 77, 285];
        const BY_NAME: [u64; 3] = [87, 263, 82];
        const CREATES: u64 = 0o100;
        if BY_FILE.contains(&call) {
            let path = std::fs::read_link(format!("/proc/{}/fd/{first}", self.root)).ok()?;
            return path.starts_with(self.folder).then(|| path.starts_with(self.folder.join(".weir")));
        }
        if BY_NAME.contains(&call) || (call == 257 && third & CREATES != 0) {
            return Some(false);
        }
        None
    }
}
