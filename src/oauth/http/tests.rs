//! The client against servers that misbehave below HTTP's meaning.
