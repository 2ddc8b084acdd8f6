#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| commformer_tests::hostile::ANSWER.check(bytes));
