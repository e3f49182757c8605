//! The rule table: every diagnostic has a rule, every rule a page in `lang/rules/` that `weir explain` prints.

use crate::diagnostic::Severity;

macro_rules! rules {
    ($($variant:ident $name:literal $severity:ident,)*) => {
        /// A rule that a source text can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Rule { $($variant,)* }

        impl Rule {
            /// Every rule, in the order of the table.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// The kebab-case name that users see.
            pub fn name(self) -> &'static str {
                match self { $(Rule::$variant => $name,)* }
            }

            /// How bad breaking it is.
            pub fn severity(self) -> Severity {
                match self { $(Rule::$variant => Severity::$severity,)* }
            }

            /// Its page: what it means, why it matters, a wrong and a right example (Markdown).
            pub fn page(self) -> &'static str {
                match self { $(Rule::$variant => include_str!(concat!("../rules/", $name, ".md")),)* }
            }

            /// The rule of that name.
            pub fn named(name: &str) -> Option<Rule> {
                Self::ALL.iter().copied().find(|rule| rule.name() == name)
            }
        }
    };
}

rules! {
    Syntax "syntax" Error,
    TooLarge "too-large" Error,
    TooDeep "too-deep" Error,
    UnknownName "unknown-name" Error,
    DuplicateName "duplicate-name" Error,
    UnknownTool "unknown-tool" Error,
    UnknownField "unknown-field" Error,
    MissingArgument "missing-argument" Error,
    UnknownArgument "unknown-argument" Error,
    TypeMismatch "type-mismatch" Error,
    InvalidConstant "invalid-constant" Error,
    NotExhaustive "not-exhaustive" Error,
    UnknownErrorCode "unknown-error-code" Error,
    RoleViolation "role-violation" Error,
    UndeclaredCapability "undeclared-capability" Error,
    SendOutsideDelivery "send-outside-delivery" Error,
    MissingKey "missing-key" Error,
    MissingUndo "missing-undo" Error,
    FallibleAfterFinal "fallible-after-final" Error,
    UndoNotIdempotent "undo-not-idempotent" Error,
    UnsafeRetry "unsafe-retry" Error,
    ImpureStep "impure-step" Error,
    UntrustedToTrusted "untrusted-to-trusted" Error,
    UnboundedRecursion "unbounded-recursion" Error,
    MissingFallback "missing-fallback" Error,
    InvalidDuration "invalid-duration" Error,
    InvalidRegex "invalid-regex" Error,
    InvalidCron "invalid-cron" Error,
    ImportCycle "import-cycle" Error,
    MissingReturn "missing-return" Error,
    InvalidClause "invalid-clause" Error,
    InvalidProject "invalid-project" Error,
    BudgetExceeded "budget-exceeded" Error,
    InvalidLock "invalid-lock" Error,
    ContradictsSchema "contradicts-schema" Error,
    UnusedBinding "unused-binding" Warning,
    UnusedCapability "unused-capability" Warning,
    UnreachableArm "unreachable-arm" Warning,
    WriteWithoutUndo "write-without-undo" Warning,
    UndoNeverRuns "undo-never-runs" Warning,
    ShadowedName "shadowed-name" Warning,
    UntypedResult "untyped-result" Warning,
    EmptyValidator "empty-validator" Warning,
    KeyNotSent "key-not-sent" Warning,
    EndorsesByForm "endorses-by-form" Warning,
    StaleLock "stale-lock" Warning,
    UnusableTool "unusable-tool" Warning,
    UnusedParameter "unused-parameter" Warning,
    UnusedDeclaration "unused-declaration" Warning,
    UnreachableStep "unreachable-step" Warning,
    ConstantCondition "constant-condition" Warning,
    LiteralDollar "literal-dollar" Warning,
    LookalikeName "lookalike-name" Warning,
    SecretExposed "secret-exposed" Warning,
    ConstantKey "constant-key" Warning,
    MissingGrant "missing-grant" Warning,
    UnusedGrant "unused-grant" Warning,
    UnusedSuppression "unused-suppression" Warning,
    MissingReason "missing-reason" Warning,
    UnservedWebhook "unserved-webhook" Warning,
}
