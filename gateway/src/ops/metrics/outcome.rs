//! Outcomes that are counted, and their label values.

/// The outcome of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvokeOutcome {
    /// The function answered, with whatever status.
    Answered,
    /// The function crashed, exceeded its own timeout, or cannot be invoked as configured.
    FunctionError,
    /// Lambda throttled the invocation.
    Throttled,
    /// Lambda could not be reached, or failed.
    Unavailable,
    /// The deadline passed before the answer.
    Timeout,
    /// Not invoked: too many other invocations ran until the deadline.
    Busy,
}

impl InvokeOutcome {
    pub(super) const ALL: [Self; 6] = [
        Self::Answered,
        Self::FunctionError,
        Self::Throttled,
        Self::Unavailable,
        Self::Timeout,
        Self::Busy,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "ok",
            Self::FunctionError => "function_error",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Busy => "busy",
        }
    }
}

/// The outcome of a Kafka record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordOutcome {
    /// A command that was answered with a success or with the caller's mistake.
    Answered,
    /// A command or a batch's record that became a dead letter.
    DeadLetter,
    /// A batch's record that the function accepted.
    Ingested,
}

impl RecordOutcome {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::DeadLetter => "dead_letter",
            Self::Ingested => "ingested",
        }
    }
}

/// The outcome of one attempt to pass a batch to its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BatchOutcome {
    /// The function accepted every record.
    Accepted,
    /// The function reported some records as failed.
    PartlyAccepted,
    /// The function failed on the batch.
    Failed,
    /// The function, or something it depends on, was down.
    Outage,
}

impl BatchOutcome {
    pub(super) const ALL: [Self; 4] = [
        Self::Accepted,
        Self::PartlyAccepted,
        Self::Failed,
        Self::Outage,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "taken",
            Self::PartlyAccepted => "partly_taken",
            Self::Failed => "failed",
            Self::Outage => "outage",
        }
    }
}

/// The outcome of a call log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallLogOutcome {
    /// Kafka acknowledged it.
    Written,
    /// The queue was full.
    Dropped,
    /// Kafka did not acknowledge it in time.
    Failed,
}

impl CallLogOutcome {
    pub(super) const ALL: [Self; 3] = [Self::Written, Self::Dropped, Self::Failed];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Dropped => "dropped",
            Self::Failed => "failed",
        }
    }
}

/// What the cache said about a call of an operation with a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitOutcome {
    /// There was room for it.
    Allowed,
    /// There wasn't.
    Refused,
    /// Nothing: this gateway's own limit decided.
    Unknown,
}

impl LimitOutcome {
    pub(super) const ALL: [Self; 3] = [Self::Allowed, Self::Refused, Self::Unknown];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}
