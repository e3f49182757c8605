//! Whether a call of a webhook is genuine: signed with the secret, not too long, not too old, not seen before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ecow::EcoString;
use jiff::Timestamp;
use ring::hmac;
use weir_compiler::project::{Signing, WebhookSection};

/// How old a call may be, in milliseconds, where nothing else is said.
const WINDOW_MS: i64 = 300_000;
/// How long a body may be, in bytes, where nothing else is said.
const MAX_BYTES: u64 = 1024 * 1024;

/// What a call of a webhook has to prove.
#[derive(Clone)]
pub struct Proof {
    key: hmac::Key,
    signing: Signing,
    window_ms: i64,
    max_bytes: u64,
}

/// A call of a webhook, as HTTP brings it.
#[derive(Clone, Copy, Debug)]
pub struct Hook<'a> {
    /// `webhook-id`
    pub id: Option<&'a str>,
    /// `webhook-timestamp`: seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`, or `x-hub-signature-256`.
    pub signature: Option<&'a str>,
    /// The body, byte by byte.
    pub body: &'a [u8],
}

/// Why a call of a webhook is not taken. None of it tells who calls more than they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 401
    #[error("the call is not signed with the secret of this webhook")]
    Signature,
    /// 401
    #[error("the call is too old, or its clock goes wrong")]
    Stale,
    /// 413
    #[error("the body is longer than this webhook takes")]
    TooLong,
}

impl Proof {
    /// What calls of a webhook have to prove; the secret has been looked up.
    ///
    /// # Errors
    /// A secret that is none.
    pub fn new(section: &WebhookSection, secret: &str) -> Result<Proof, String> {
        let secret = secret.trim();
        let bytes = match (section.signature, secret.strip_prefix("whsec_")) {
            (Signing::Standard, Some(coded)) => {
                STANDARD.decode(coded).map_err(|_| "what stands behind `whsec_` is no base64".to_owned())?
            }
            _ => secret.as_bytes().to_vec(),
        };
        if bytes.len() < 16 {
            return Err("the secret is shorter than 16 bytes: anybody could guess it".to_owned());
        }
        Ok(Proof {
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            signing: section.signature,
            window_ms: section.window.unwrap_or(WINDOW_MS),
            max_bytes: section.max_bytes.unwrap_or(MAX_BYTES),
        })
    }

    /// How long a body may be, in bytes: more need not be read.
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Takes a call for genuine; gives the id under which it counts once. Takes the same time wherever a signature
    /// differs.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn verify(&self, hook: &Hook<'_>, now: Timestamp) -> Result<EcoString, Refusal> {
        if hook.body.len() as u64 > self.max_bytes {
            return Err(Refusal::TooLong);
        }
        match self.signing {
            Signing::Standard => self.standard(hook, now),
            Signing::Github => self.github(hook),
        }
    }

    fn standard(&self, hook: &Hook<'_>, now: Timestamp) -> Result<EcoString, Refusal> {
        let (Some(id), Some(timestamp), Some(given)) = (hook.id, hook.timestamp, hook.signature) else {
            return Err(Refusal::Signature);
        };
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", hook.body].concat();
        let fits = |one: &str| {
            let coded = one.strip_prefix("v1,").and_then(|coded| STANDARD.decode(coded).ok());
            coded.is_some_and(|tag| hmac::verify(&self.key, &signed, &tag).is_ok())
        };
        if !given.split(' ').take(8).any(fits) {
            return Err(Refusal::Signature);
        }
        let sent = timestamp.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000));
        let off = sent.and_then(|sent| now.as_millisecond().checked_sub(sent)).and_then(i64::checked_abs);
        match off {
            Some(off) if off <= self.window_ms => Ok(id.into()),
            _ => Err(Refusal::Stale),
        }
    }

    /// GitHub signs the body alone, and no time: a body counts once.
    fn github(&self, hook: &Hook<'_>) -> Result<EcoString, Refusal> {
        let given = hook.signature.and_then(|given| given.strip_prefix("sha256=")).unwrap_or_default();
        let tag = unhex(given).ok_or(Refusal::Signature)?;
        hmac::verify(&self.key, hook.body, &tag).map_err(|_| Refusal::Signature)?;
        Ok(given.to_ascii_lowercase().into())
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    digits?.chunks(2).map(|pair| if let [high, low] = pair { Some(high * 16 + low) } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn section(signature: Signing) -> WebhookSection {
        WebhookSection { secret: "env:X".into(), signature, window: None, max_bytes: Some(100) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn verify(
        proof: &Proof,
        id: &str,
        time: &str,
        signature: &str,
        body: &str,
        now: i64,
    ) -> Result<EcoString, Refusal> {
        let hook = Hook { id: Some(id), timestamp: Some(time), signature: Some(signature), body: body.as_bytes() };
        proof.verify(&hook, at(now))
    }

    /// The example of the standard's own test vectors.
    #[test]
    fn the_standards_own_example_is_taken() {
        let proof = Proof::new(&section(Signing::Standard), &format!("whsec_{SECRET}")).unwrap();
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let (id, time) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
        let body = r#"{"test": 2432232314}"#;
        assert_eq!(verify(&proof, id, time, signature, body, 1_614_265_330), Ok(id.into()));
        assert_eq!(verify(&proof, id, time, &format!("v1,AAAA v2,x {signature}"), body, 1_614_265_400), Ok(id.into()));
        for (id, time, signature, body, now, why) in [
            (id, time, signature, body, 1_614_265_631, Refusal::Stale),
            (id, time, signature, body, 1_614_265_029, Refusal::Stale),
            ("msg_other", time, signature, body, 1_614_265_330, Refusal::Signature),
            (id, "1614265331", signature, body, 1_614_265_330, Refusal::Signature),
            (id, time, signature, r#"{"test": 2432232315}"#, 1_614_265_330, Refusal::Signature),
            (id, time, "v1,", body, 1_614_265_330, Refusal::Signature),
            (id, time, "", body, 1_614_265_330, Refusal::Signature),
            (id, time, signature, &"x".repeat(101), 1_614_265_330, Refusal::TooLong),
        ] {
            assert_eq!(verify(&proof, id, time, signature, body, now), Err(why), "{id} {time} {signature} {now}");
        }
        let bare = Hook { id: None, timestamp: None, signature: None, body: body.as_bytes() };
        assert_eq!(proof.verify(&bare, at(0)), Err(Refusal::Signature));
    }

    /// The example of GitHub's documentation.
    #[test]
    fn githubs_own_example_is_taken() {
        let proof = Proof::new(&section(Signing::Github), "It's a Secret to Everybody").unwrap();
        let tag = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let hook = |signature, body| Hook { id: None, timestamp: None, signature: Some(signature), body };
        let given = format!("sha256={tag}");
        assert_eq!(proof.verify(&hook(&given, b"Hello, World!"), at(0)), Ok(tag.into()));
        assert_eq!(proof.verify(&hook(&given, b"Hello, World?"), at(0)), Err(Refusal::Signature));
        assert_eq!(proof.verify(&hook(tag, b"Hello, World!"), at(0)), Err(Refusal::Signature));
        assert_eq!(proof.verify(&hook("sha256=7", b"Hello, World!"), at(0)), Err(Refusal::Signature));
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_refused() {
        assert!(Proof::new(&section(Signing::Standard), "short").is_err());
        assert!(Proof::new(&section(Signing::Standard), "whsec_%%%").is_err());
    }
}
