//! Footage as the body of a reply, made as it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{Footage, Pieces};

/// A part of footage.
#[derive(Debug)]
pub(crate) struct FootageBody {
    pieces: Pieces,
    left: u64,
}

impl FootageBody {
    /// The bytes from `first` on, so many.
    pub(crate) fn new(footage: &Footage, first: u64, length: u64) -> Self {
        Self {
            pieces: footage.pieces(first),
            left: length,
        }
    }

    fn next(&mut self) -> Option<Bytes> {
        if self.left == 0 {
            return None;
        }
        let piece = self.pieces.next()?;
        let length = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(piece.len());
        self.left -= length as u64;
        Some(piece.slice(..length))
    }
}

impl Body for FootageBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.next().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
