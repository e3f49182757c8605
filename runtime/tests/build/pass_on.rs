//! For journals that stand before another one, and change some of what it does: the rest goes on to it as it is.

/// Methods of `Journal`, given by name. `[field]`: the field's journal does it; `(method)`: the method is given what would.
macro_rules! pass_on {
    ($to:tt $($name:ident)*) => { $(pass_on!(@ $name $to);)* };
    (= $me:ident [$field:ident] $($call:tt)*) => { $me.$field.$($call)* };
    (= $me:ident ($method:ident) $($call:tt)*) => { $me.$method(|journal| journal.$($call)*) };
    (@ create $to:tt) => { pass_on!(# $to create(run: weir_runtime::journal::NewRun) -> Ticket<weir_runtime::journal::Created>); };
    (@ append $to:tt) => { pass_on!(# $to append(batch: weir_runtime::journal::Batch) -> Ticket<weir_runtime::journal::Appended>); };
    (@ claim $to:tt) => { pass_on!(# $to claim(run_id: &str) -> Ticket<u64>); };
    (@ release $to:tt) => { pass_on!(# $to release(run_id: &str, token: u64) -> Ticket<()>); };
    (@ post $to:tt) => { pass_on!(# $to post(run_id: &str, text: String) -> Ticket<()>); };
    (@ posts $to:tt) => { pass_on!(# $to posts() -> Result<Vec<weir_runtime::journal::Post>, JournalError>); };
    (@ load $to:tt) => { pass_on!(# $to load(run_id: &str) -> Result<Option<weir_runtime::journal::Loaded>, JournalError>); };
    (@ list $to:tt) => {
        pass_on!(# $to list(filter: &weir_runtime::journal::Filter) -> Result<Vec<weir_runtime::journal::RunRecord>, JournalError>);
    };
    (@ thread_lines $to:tt) => {
        pass_on!(# $to thread_lines(thread: &str, after: u64, limit: usize) -> Result<Vec<weir_runtime::journal::ThreadLine>, JournalError>);
    };
    (@ forget $to:tt) => { pass_on!(# $to forget(before: &str, limit: usize) -> Ticket<usize>); };
    (@ audit $to:tt) => { pass_on!(# $to audit(lines: Vec<String>) -> Ticket<()>); };
    (@ audited $to:tt) => {
        pass_on!(# $to audited(after: u64, limit: usize) -> Result<weir_runtime::journal::AuditPage, JournalError>);
    };
    (@ enqueue $to:tt) => {
        pass_on!(# $to enqueue(run: weir_runtime::journal::NewRun, place: weir_runtime::journal::Place) -> Ticket<weir_runtime::journal::Created>);
    };
    (@ admit $to:tt) => { pass_on!(# $to admit(run_id: &str, now: i64) -> Ticket<weir_runtime::journal::Admitted>); };
    (@ queued $to:tt) => { pass_on!(# $to queued(run_id: &str) -> Result<Option<String>, JournalError>); };
    (@ due $to:tt) => {
        pass_on!(# $to due(now: i64, limit: usize) -> Result<Vec<weir_runtime::journal::Due>, JournalError>);
    };
    (@ depth $to:tt) => { pass_on!(# $to depth(now: i64) -> Result<weir_runtime::journal::Depth, JournalError>); };
    (@ remember $to:tt) => { pass_on!(# $to remember(name: &str, text: String) -> Ticket<()>); };
    (@ recall $to:tt) => { pass_on!(# $to recall(name: &str) -> Result<Option<String>, JournalError>); };
    (# $to:tt $name:ident($($arg:ident: $ty:ty),*) -> $out:ty) => {
        fn $name(&self, $($arg: $ty),*) -> $out { pass_on!(= self $to $name($($arg),*)) }
    };
}
