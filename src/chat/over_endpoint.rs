//! The connections of an [`Endpoint`], as the chat uses them.

use crate::chat::transport::{Transport, Transports};
use crate::id::{PeerId, StreamId};
use crate::proto::{Carrier, Endpoint, NoteBody};

/// The code of a RESET or STOP: the chat does not say why, its receipts do.
const NO_CODE: u64 = 0;

impl Transports for Endpoint {
    type One<'a> = Carrier<'a>;

    fn to(&mut self, peer: PeerId) -> Option<Carrier<'_>> {
        self.carrier(peer)
    }
}

impl Transport for Carrier<'_> {
    fn generation(&self) -> u64 {
        Self::generation(self)
    }

    fn open(&mut self) -> Option<StreamId> {
        self.open_body().ok()
    }

    fn write(&mut self, stream: StreamId, bytes: &[u8]) -> usize {
        Self::write(self, stream, bytes)
    }

    fn finish(&mut self, stream: StreamId) {
        Self::finish(self, stream);
    }

    fn reset(&mut self, stream: StreamId) {
        Self::reset(self, stream, NO_CODE);
    }

    fn is_stopped(&self, stream: StreamId) -> bool {
        Self::is_stopped(self, stream)
    }

    fn acked_to(&self, stream: StreamId) -> u64 {
        Self::acked_to(self, stream)
    }

    fn read(&mut self, stream: StreamId, max: usize, out: &mut Vec<u8>) -> usize {
        Self::read(self, stream, max, out)
    }

    fn is_over(&self, stream: StreamId) -> bool {
        Self::is_over(self, stream)
    }

    fn stop(&mut self, stream: StreamId) {
        Self::stop(self, stream, NO_CODE);
    }

    fn send_receipt(&mut self, body: NoteBody) -> bool {
        Self::send_receipt(self, body)
    }

    fn take_back_receipt(&mut self) -> Option<NoteBody> {
        Self::take_back_receipt(self)
    }

    fn send_reject(&mut self, body: NoteBody) -> bool {
        Self::send_reject(self, body)
    }
}
