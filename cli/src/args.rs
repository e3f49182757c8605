//! The arguments: one struct a command. What they mean is told here, since `--help` is made from it.

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Weir runs flows: small typed programs that call tools safely.
#[derive(Parser)]
#[command(name = "weir", version, propagate_version = false, disable_help_subcommand = true)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Make a small project that runs
    New(NewArgs),
    /// Check flows: everything that can be known before running
    Check(CheckArgs),
    /// Format flow files in the one style
    Fmt(FmtArgs),
    /// Carry out the tests in flow files
    Test(TestArgs),
    /// Run one flow now; its envelope goes to stdout
    Run(Box<RunArgs>),
    /// Show the execution graph of a flow
    Graph(GraphArgs),
    /// The tools that flows may call
    Tools(ToolsArgs),
    /// Serve an editor: the language server, over stdin and stdout
    Lsp(LspArgs),
    /// What ran and what waits
    Runs(RunsArgs),
    /// Serve the project: runs over HTTP and as MCP tools, and carry them on
    Serve(ServeArgs),
    /// Who let what be done: the records of every call and decision
    Audit(AuditArgs),
    /// What a rule means, with a wrong and a right example
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// `weir new`
#[derive(Parser)]
pub struct NewArgs {
    /// Folder of the new project; its last part is the project's name
    pub name: PathBuf,
}

/// `weir check`
#[derive(Parser)]
pub struct CheckArgs {
    /// Projects, folders or `.flow` files [default: the working directory]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,
    /// Exit with 1 on warnings too
    #[arg(long)]
    pub deny_warnings: bool,
    /// Apply every fix that is offered, and report what is left
    #[arg(long)]
    pub fix: bool,
    /// Print the least `can` of each flow (as `human` or `json`)
    #[arg(long, conflicts_with_all = ["fix", "bounds", "trust"])]
    pub caps: bool,
    /// Do not report the problems that this file knows
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Write what is found now into the baseline
    #[arg(long, requires = "baseline")]
    pub write_baseline: bool,
    /// Print what each flow comes to at most: calls, attempts, time, cost
    #[arg(long, conflicts_with = "fix")]
    pub bounds: bool,
    /// Print where untrusted data comes from, where it may not go, and what endorses it
    #[arg(long, conflicts_with_all = ["fix", "bounds"])]
    pub trust: bool,
}

/// How `weir check` reports.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// With the source, for a person
    Human,
    /// A line each
    Short,
    /// One JSON object
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub's workflow runs
    Github,
}

/// `weir test`
#[derive(Parser)]
pub struct TestArgs {
    /// Parts of names: only tests that are called so; projects, folders or `.flow` files: only the tests there
    /// [default: all tests of the project]
    #[arg(value_name = "PATTERN")]
    pub patterns: Vec<String>,
    /// Carry each test out again for each of its calls, with the engine killed behind it and resumed
    #[arg(long)]
    pub explore: bool,
    /// How to report
    #[arg(long, value_enum, default_value_t = TestFormat::Human)]
    pub format: TestFormat,
}

/// How `weir test` reports.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// With the source and the values, for a person
    Human,
    /// A line for each failure
    Short,
    /// One JSON object
    Json,
    /// JUnit XML, for build servers
    Junit,
    /// Annotations of GitHub's workflow runs
    Github,
}

/// For a person or for a program.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person
    Human,
    /// For a program
    Json,
}

/// `weir fmt`
#[derive(Parser)]
pub struct FmtArgs {
    /// Projects, folders or `.flow` files; `-` formats stdin to stdout [default: the working directory]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Change nothing, list the files that would change and exit with 1 if there are any
    #[arg(long)]
    pub check: bool,
}

/// `weir run`
#[derive(Parser)]
pub struct RunArgs {
    /// A project folder, `file.flow`, `file.flow:name`, or `module.name` inside a project
    pub flow: String,
    /// What somebody wrote behind it; an argument has its flag
    #[arg(hide = true)]
    pub rest: Vec<String>,
    /// An argument of the flow: text as it is for a string, JSON for any other type
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    pub args: Vec<String>,
    /// All arguments as one JSON object, from a file or (`-`) from stdin; `--arg` wins
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Keep the journal in memory; keys and `store` stay on disk
    #[arg(long)]
    pub ephemeral: bool,
    /// Show what would be called, in which order and how much at once, without calling
    #[arg(long)]
    pub dry_run: bool,
    /// How to show a dry run
    #[arg(long, value_enum, default_value_t = Format::Human, requires = "dry_run")]
    pub format: Format,
    /// Grant capabilities beside those of `weir.toml`
    #[arg(long, value_name = "CAP,…", value_delimiter = ',')]
    pub grant: Vec<String>,
    /// Let deliveries send; `weir.toml` must allow it too
    #[arg(long)]
    pub allow_delivery: bool,
    /// Runs of one conversation or subject have the same
    #[arg(long, value_name = "THREAD", conflicts_with = "dry_run")]
    pub thread: Option<String>,
    /// Write every event as one JSON line to stderr
    #[arg(long, conflicts_with = "dry_run")]
    pub events: bool,
}

/// `weir graph`
#[derive(Parser)]
pub struct GraphArgs {
    /// A project folder, `file.flow`, `file.flow:name`, or `module.name` inside a project
    pub flow: String,
    /// How to show it
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub format: GraphFormat,
}

/// How `weir graph` shows a flow.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A drawing for the terminal
    Text,
    /// Mermaid
    Mermaid,
    /// A picture, laid out here
    Svg,
    /// Graphviz
    Dot,
    /// For a program
    Json,
}

/// `weir tools`
#[derive(Parser)]
pub struct ToolsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ToolsCommand,
}

/// The commands of `weir tools`.
#[derive(Subcommand)]
pub enum ToolsCommand {
    /// List every tool with what it may do
    List(ToolsListArgs),
    /// Show one tool in Weir's own notation
    Show(ToolsShowArgs),
    /// Ask the servers what they offer and write it into weir.lock.json
    Sync(ToolsServersArgs),
    /// Compare weir.lock.json with what the servers offer now
    Diff(ToolsServersArgs),
    /// Call one tool, under the same checks as a run
    Call(ToolsCallArgs),
}

/// `weir tools sync` and `weir tools diff`
#[derive(Parser)]
pub struct ToolsServersArgs {
    /// Servers, by their names in `weir.toml` or `.mcp.json` [default: all]
    #[arg(value_name = "SERVER")]
    pub servers: Vec<String>,
    /// Project folder [default: the project of the working directory]
    #[arg(long, value_name = "FOLDER")]
    pub project: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// `weir tools call`
#[derive(Parser)]
pub struct ToolsCallArgs {
    /// The tool, e.g. `files.read`
    pub name: String,
    /// An argument of the tool: text as it is for a string, JSON for any other type
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    pub args: Vec<String>,
    /// All arguments as one JSON object, from a file or (`-`) from stdin; `--arg` wins
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Idempotency key; a call that sends gets a new one where none is given
    #[arg(long)]
    pub key: Option<String>,
    /// Grant capabilities beside those of `weir.toml`
    #[arg(long, value_name = "CAP,…", value_delimiter = ',')]
    pub grant: Vec<String>,
    /// Let a tool that sends really send; `weir.toml` must allow it too
    #[arg(long)]
    pub allow_delivery: bool,
    /// Project folder [default: the project of the working directory]
    #[arg(long, value_name = "FOLDER")]
    pub project: Option<PathBuf>,
    /// How to report: a failure is an object too with `json`
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// `weir tools list`
#[derive(Parser)]
pub struct ToolsListArgs {
    /// Project folder [default: the project of the working directory]
    #[arg(long, value_name = "FOLDER")]
    pub project: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// `weir tools show`
#[derive(Parser)]
pub struct ToolsShowArgs {
    /// The tool, e.g. `files.read`
    pub name: String,
    /// Project folder [default: the project of the working directory]
    #[arg(long, value_name = "FOLDER")]
    pub project: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// `weir lsp`
#[derive(Parser)]
pub struct LspArgs {
    /// Over stdin and stdout, which is the only way; some editors say so
    #[arg(long)]
    pub stdio: bool,
}

/// `weir runs`
#[derive(Parser)]
pub struct RunsArgs {
    /// Project folder [default: the project of the working directory]
    #[arg(long, value_name = "FOLDER", global = true)]
    pub project: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: RunsCommand,
}

/// The commands of `weir runs`. An id may be shortened to what makes it unique.
#[derive(Subcommand)]
pub enum RunsCommand {
    /// List runs, newest first
    List(RunsListArgs),
    /// How a run is: its steps, why it waits, and what would move it
    Show(RunArg),
    /// Every decision in a run, or in all runs of a thread, in order
    Events(RunsEventsArgs),
    /// Follow a run, or all runs of a thread, until they end or rest
    Watch(RunsEventsArgs),
    /// Answer a question, or decide about a step that waits for an operator; then go on
    Answer(RunsAnswerArgs),
    /// Send an event to a run; then go on
    Signal(RunsSignalArgs),
    /// Call nothing new until the run is resumed
    Pause(RunArg),
    /// Go on with a run that is paused, waits, or was cut off
    Resume(RunArg),
    /// End a run: what sagas did is undone
    Cancel(RunsCancelArgs),
    /// Start a failed run again from the step that failed it
    Retry(RunsRetryArgs),
}

/// `weir serve`
#[derive(Parser)]
pub struct ServeArgs {
    /// Address and port [default: `listen` under `[serve]` in weir.toml, else 127.0.0.1:7117]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<String>,
    /// Speak MCP over stdin and stdout instead of listening
    #[arg(long, conflicts_with = "listen")]
    pub mcp: bool,
    /// Let deliveries send; `weir.toml` must allow it too
    #[arg(long)]
    pub allow_delivery: bool,
    /// Project folder [default: the project of the working directory]
    #[arg(long, value_name = "FOLDER")]
    pub project: Option<PathBuf>,
}

/// One run.
#[derive(Parser)]
pub struct RunArg {
    /// Its id, or the beginning of it
    pub id: String,
}

/// `weir runs events` and `weir runs watch`
#[derive(Parser)]
pub struct RunsEventsArgs {
    /// The run's id, or the beginning of it
    #[arg(required_unless_present = "thread", conflicts_with_all = ["thread", "after"])]
    pub id: Option<String>,
    /// All runs of this thread: of one conversation or subject
    #[arg(long, value_name = "THREAD")]
    pub thread: Option<String>,
    /// Only what stands behind this position of the thread
    #[arg(long, value_name = "POSITION", requires = "thread")]
    pub after: Option<u64>,
}

/// `weir runs list`
#[derive(Parser)]
pub struct RunsListArgs {
    /// Only runs of these statuses
    #[arg(long, value_name = "STATUS,…", value_delimiter = ',')]
    pub status: Vec<String>,
    /// Only runs of this entry flow
    #[arg(long, value_name = "FLOW")]
    pub flow: Option<String>,
    /// Only runs of this thread: of one conversation or subject
    #[arg(long, value_name = "THREAD")]
    pub thread: Option<String>,
    /// Only runs that have not ended
    #[arg(long)]
    pub unfinished: bool,
    /// At most so many; 0: all
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

/// `weir runs answer`
#[derive(Parser)]
pub struct RunsAnswerArgs {
    /// The run's id, or the beginning of it
    pub id: String,
    /// The answer to the question: text as it is for a string, JSON for any other type
    pub value: Option<String>,
    /// The step, where several wait
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// A call that may have happened did, with this result (JSON)
    #[arg(long, value_name = "JSON", group = "decision", conflicts_with = "value")]
    pub happened: Option<String>,
    /// It did not happen, or what hindered it is gone: call again
    #[arg(long, group = "decision", conflicts_with = "value")]
    pub again: bool,
    /// Leave a failed step out; this (JSON) stands for its result
    #[arg(long, value_name = "JSON", num_args = 0..=1, default_missing_value = "null", group = "decision", conflicts_with = "value")]
    pub skip: Option<String>,
    /// Let it fail, and undo what sagas did
    #[arg(long, group = "decision", conflicts_with = "value")]
    pub give_up: bool,
}

/// `weir runs signal`
#[derive(Parser)]
pub struct RunsSignalArgs {
    /// The run's id, or the beginning of it
    pub id: String,
    /// The event's name
    pub event: String,
    /// Matched with the key of a `receive`
    #[arg(long)]
    pub key: Option<String>,
    /// What it carries (JSON)
    #[arg(long, value_name = "JSON", default_value = "null")]
    pub value: String,
    /// Counted once by this id
    #[arg(long = "event-id", value_name = "ID")]
    pub event_id: Option<String>,
}

/// `weir runs cancel`
#[derive(Parser)]
pub struct RunsCancelArgs {
    /// The run's id, or the beginning of it
    pub id: String,
    /// Why
    #[arg(long, default_value = "cancelled by hand")]
    pub reason: String,
}

/// `weir runs retry`
#[derive(Parser)]
pub struct RunsRetryArgs {
    /// The run's id, or the beginning of it
    pub id: String,
    /// Corrected arguments of the flow, all of them, as one JSON object
    #[arg(long, value_name = "JSON")]
    pub args: Option<String>,
}

/// `weir audit`
#[derive(Parser)]
pub struct AuditArgs {
    /// Project folder [default: the project of the working directory]
    #[arg(long, value_name = "FOLDER", global = true)]
    pub project: Option<PathBuf>,
    /// How to report
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub command: AuditCommand,
}

/// The commands of `weir audit`.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Show records, the last ones
    List(AuditListArgs),
    /// Follow the chain of all records and say where it breaks; exits with 1 if it does
    Verify(AuditVerifyArgs),
}

/// `weir audit list`
#[derive(Parser)]
pub struct AuditListArgs {
    /// Only of this run: its id, or the beginning of it
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Only calls of this tool, e.g. `mail.send`, or of this server, e.g. `mail`
    #[arg(long, value_name = "TOOL")]
    pub tool: Option<String>,
    /// Only these kinds, e.g. `call.refused`, or `call`
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub what: Vec<String>,
    /// At most so many; 0: all
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
}

/// `weir audit verify`
#[derive(Parser)]
pub struct AuditVerifyArgs {
    /// An end that was noted earlier: that record must still be the same
    #[arg(long, value_name = "NUMBER:HASH")]
    pub noted: Option<String>,
}

/// `weir explain`
#[derive(Parser)]
pub struct ExplainArgs {
    /// The rule's name, e.g. `missing-undo`; without it every rule is listed
    pub rule: Option<String>,
}

/// `weir completions`
#[derive(Parser)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
