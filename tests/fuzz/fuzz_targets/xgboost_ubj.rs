#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| qosguard_fuzz::xgboost_ubj(data));
