//! The connections of an [`Endpoint`], as the chat uses them.

use crate::chat::transport::Transport;
use crate::id::{PeerId, StreamId};
use crate::proto::Endpoint;

/// The code of a RESET or STOP: the chat does not say why, its receipts do.
const NO_CODE: u64 = 0;

/// An error of a stream call means that there is no connection any more; its end is told in due course.
impl Transport for Endpoint {
    fn generation(&self, peer: PeerId) -> Option<u64> {
        Self::generation(self, peer)
    }

    fn open(&mut self, peer: PeerId) -> Option<StreamId> {
        self.open_body(peer).ok()
    }

    fn write(&mut self, peer: PeerId, stream: StreamId, bytes: &[u8]) -> usize {
        self.write_stream(peer, stream, bytes).unwrap_or(0)
    }

    fn finish(&mut self, peer: PeerId, stream: StreamId) {
        let _ = self.finish_stream(peer, stream);
    }

    fn reset(&mut self, peer: PeerId, stream: StreamId) {
        let _ = self.reset_stream(peer, stream, NO_CODE);
    }

    fn is_stopped(&self, peer: PeerId, stream: StreamId) -> bool {
        Self::is_stopped(self, peer, stream)
    }

    fn acked_to(&self, peer: PeerId, stream: StreamId) -> u64 {
        Self::acked_to(self, peer, stream)
    }

    fn read(&mut self, peer: PeerId, stream: StreamId, max: usize) -> Vec<u8> {
        self.read_stream(peer, stream, max).unwrap_or_default()
    }

    fn is_over(&self, peer: PeerId, stream: StreamId) -> bool {
        Self::is_over(self, peer, stream)
    }

    fn stop(&mut self, peer: PeerId, stream: StreamId) {
        let _ = self.stop_stream(peer, stream, NO_CODE);
    }

    fn send_receipt(&mut self, peer: PeerId, body: &[u8]) -> bool {
        Self::send_receipt(self, peer, body)
    }

    fn send_reject(&mut self, peer: PeerId, body: &[u8]) -> bool {
        Self::send_reject(self, peer, body)
    }
}
