//! The C functions of `shim.cpp`, and their way of reporting errors.

use crate::TorchError;
use std::ffi::{CStr, c_char, c_int, c_void};
use tch::Tensor;
use torch_sys::C_tensor;

unsafe extern "C" {
    fn commformer_free(text: *mut c_char);
    pub(crate) fn commformer_libtorch_path(path: *mut *mut c_char) -> *mut c_char;
    pub(crate) fn commformer_libtorch_build(
        config: *mut *mut c_char,
        capability: *mut *mut c_char,
    ) -> *mut c_char;
    pub(crate) fn commformer_open_library(path: *const c_char) -> *mut c_char;
    pub(crate) fn commformer_fused_adam(
        parameters: *const *const C_tensor,
        gradients: *const *const C_tensor,
        exp_avgs: *const *const C_tensor,
        exp_avg_sqs: *const *const C_tensor,
        count: usize,
        step: *const C_tensor,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        eps: f64,
    ) -> *mut c_char;
    pub(crate) fn commformer_clip_norm(
        gradients: *const *mut C_tensor,
        count: usize,
        max_norm: f64,
        norm: *mut f64,
    ) -> *mut c_char;
    pub(crate) fn commformer_inference_begin() -> *mut c_void;
    pub(crate) fn commformer_inference_end(guard: *mut c_void);
    pub(crate) fn commformer_keep_memory(largest: c_int, kept: c_int) -> bool;
    pub(crate) fn commformer_group_open(
        host: *const c_char,
        port: u16,
        serves: bool,
        socket: c_int,
        size: c_int,
        timeout: i64,
        prefix: *const c_char,
        group: *mut *mut c_void,
    ) -> *mut c_char;
    pub(crate) fn commformer_group_join(
        group: *mut c_void,
        rank: c_int,
        size: c_int,
        meeting: i64,
        answer: i64,
        device: *const c_char,
    ) -> *mut c_char;
    pub(crate) fn commformer_group_part(group: *mut c_void) -> *mut c_char;
    pub(crate) fn commformer_group_count(
        group: *mut c_void,
        key: *const c_char,
        count: *mut i64,
    ) -> *mut c_char;
    pub(crate) fn commformer_group_there(
        group: *mut c_void,
        keys: *const *const c_char,
        count: usize,
        there: *mut bool,
    ) -> *mut c_char;
    pub(crate) fn commformer_group_close(group: *mut c_void);
    pub(crate) fn commformer_group_gather(
        group: *mut c_void,
        mine: *mut c_void,
        gathered: *const *mut c_void,
        count: usize,
    ) -> *mut c_char;
    pub(crate) fn commformer_group_sum(group: *mut c_void, tensor: *mut c_void) -> *mut c_char;
    pub(crate) fn commformer_group_say(
        group: *mut c_void,
        key: *const c_char,
        text: *const c_char,
    ) -> *mut c_char;
    pub(crate) fn commformer_group_heard(
        group: *mut c_void,
        key: *const c_char,
        text: *mut *mut c_char,
    ) -> *mut c_char;
    pub(crate) fn commformer_memory(
        tensor: *const C_tensor,
        data: *mut *mut c_void,
        bytes: *mut usize,
        aliases: *mut usize,
    ) -> *mut c_char;
}

/// Takes a text that the shim allocated, or `None` for null.
///
/// # Safety
///
/// `text` is null, or came from the shim and was not taken before.
pub(crate) unsafe fn take_text(text: *mut c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the shim's texts end in a zero byte, and nobody else holds this one.
    let owned = unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned();
    // SAFETY: as above; the text is not used after this.
    unsafe { commformer_free(text) };
    Some(owned)
}

/// Turns what a function of the shim returned into a `Result`.
///
/// # Safety
///
/// As for [`take_text`].
pub(crate) unsafe fn check(
    operation: &'static str,
    message: *mut c_char,
) -> Result<(), TorchError> {
    // SAFETY: the caller's promise is the same.
    match unsafe { take_text(message) } {
        None => Ok(()),
        Some(message) => Err(TorchError::Libtorch { operation, message }),
    }
}

/// The handles of some tensors, valid for as long as the tensors are borrowed.
pub(crate) fn handles<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Vec<*const C_tensor> {
    tensors.into_iter().map(Tensor::as_ptr).collect()
}
