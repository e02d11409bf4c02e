//! Why the guest did not do what was asked.

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $text:literal;)+) => {
        /// Why the guest did not do what was asked.
        ///
        /// Every export that returns an `i32` answers with a number of zero or more, or with [`Status::as_i32`]. A
        /// packed decision carries [`Status::code`] in a byte of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Status { $($(#[$doc])* $variant = $code,)+ }

        impl Status {
            /// Every status.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The number, from 1 up; zero stands for success.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The status of a number; `None` for zero and for numbers that this version does not know.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// One line for people.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

statuses! {
    /// More bytes are asked for than the guest ever reserves.
    TooLarge = 1, "more bytes than the guest reserves";
    /// The guest's memory could not grow by what is asked for.
    OutOfMemory = 2, "the guest's memory cannot grow";
    /// The length is more than what was reserved before the call.
    NotReserved = 3, "the length is more than what was reserved";
    /// The bytes are not a request.
    BadRequest = 4, "not a request";
    /// The lengths of a batch do not add up.
    BadBatch = 5, "the lengths of the batch do not add up";
    /// The bytes are too few to hold a stamp.
    BadStamp = 6, "too short to hold a stamp";
    /// The bytes are not an image; `aldis_last_error` says more. The previous set stays.
    BadImage = 7, "not a valid image";
    /// The bytes are not a document; `aldis_last_error` says more. The previous set stays.
    BadDocument = 8, "not a valid document";
    /// The loaded set has no directive at that place.
    NoDirective = 9, "no directive at that place";
}

impl Status {
    /// What an export returns: the code, negated.
    #[must_use]
    pub const fn as_i32(self) -> i32 {
        // A `From` call is not const, and a byte always fits.
        -(self.code() as i32)
    }

    /// Splits what an export returned into an answer and a status.
    ///
    /// # Errors
    ///
    /// `Err(Some(status))` for a status, `Err(None)` for a negative number that means none: the guest is not one of
    /// ours.
    pub fn split(returned: i32) -> Result<u32, Option<Self>> {
        u32::try_from(returned)
            .map_err(|_| u8::try_from(returned.unsigned_abs()).ok().and_then(Self::from_code))
    }
}

impl core::fmt::Display for Status {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.as_str())
    }
}

impl core::error::Error for Status {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_survives_the_way_through_an_i32() {
        for &status in Status::ALL {
            assert_eq!(Status::split(status.as_i32()), Err(Some(status)));
            assert_eq!(Status::from_code(status.code()), Some(status));
        }
    }

    #[test]
    fn what_means_nothing_is_told_from_what_means_something() {
        assert_eq!(Status::split(0), Ok(0));
        assert_eq!(Status::split(i32::MAX), Ok(0x7fff_ffff));
        assert_eq!(Status::split(-10), Err(None));
        assert_eq!(Status::split(-257), Err(None), "a byte must not wrap into a status");
        assert_eq!(Status::split(i32::MIN), Err(None));
        assert_eq!(Status::from_code(0), None);
    }
}
