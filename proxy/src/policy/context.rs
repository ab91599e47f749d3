//! Facts of one question.
