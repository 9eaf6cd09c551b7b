//! What all scenarios stand on: emulators and the local cloud, a proxy in front of them, a project folder, AWS clients.

pub mod ages;
pub mod cloud;
pub mod emulator;
pub mod engines;
pub mod exceptions;
pub mod inventory;
pub mod microburst;
pub mod process;
pub mod proxy;
pub mod receiver;
pub mod registry;
pub mod rule;
pub mod sandbox;
pub mod served;
pub mod site;
pub mod spec;
pub mod unpacked;
pub mod wire;
pub mod world;

pub use emulator::Backend;
pub use rule::Rule;
pub use sandbox::{Output, Sandbox};
pub use world::World;

/// Makes one test per emulator out of each scenario, a function that takes a [`Backend`].
macro_rules! on_each_emulator {
    ($($scenario:ident),+ $(,)?) => {
        mod local {
            $(#[test] fn $scenario() { super::$scenario($crate::support::Backend::Local); })+
        }
        mod ministack {
            $(#[test] fn $scenario() { super::$scenario($crate::support::Backend::Ministack); })+
        }
        mod moto {
            $(#[test] fn $scenario() { super::$scenario($crate::support::Backend::Moto); })+
        }
    };
}
pub(crate) use on_each_emulator;

/// A program for this test's processor that needs nothing of the system.
pub fn static_program() -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    bytes.resize(64 + 56, 0);
    (bytes[16], bytes[18], bytes[20], bytes[52]) = (2, if cfg!(target_arch = "aarch64") { 183 } else { 62 }, 1, 64);
    // It begins where its only segment does, which is loaded as a whole.
    (bytes[24], bytes[32], bytes[54], bytes[56]) = (64, 64, 56, 1);
    (bytes[64], bytes[68], bytes[96], bytes[104]) = (1, 5, 120, 120);
    bytes
}
