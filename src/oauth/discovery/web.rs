//! The two kinds of request that a discovery makes. What is known of their answers can stand in for the
//! network, so that every rule about what servers publish can be tried on any bytes.

use crate::oauth::http::{Http, Reply, Transport};
use crate::oauth::ping::ping;
use url::Url;

/// Where a discovery gets its answers from.
pub trait Web {
    /// The MCP server's answer to a request without a token. Its body is not looked at.
    ///
    /// # Errors
    /// [`Transport`] when no answer came.
    fn ping(&self, server: &Url) -> Result<Reply, Transport>;

    /// The answer at a place where metadata may be.
    ///
    /// # Errors
    /// [`Transport`] when no answer came, or too long a one.
    fn document(&self, place: &Url) -> Result<Reply, Transport>;
}

impl Web for Http {
    fn ping(&self, server: &Url) -> Result<Reply, Transport> {
        ping(self, server, None)
    }

    fn document(&self, place: &Url) -> Result<Reply, Transport> {
        self.get(place)
    }
}
