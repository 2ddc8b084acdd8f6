//! What all calls from C have in common.

use commformer_model::ModelError;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fs, io, ptr, slice};

/// Why a call failed.
pub struct Failure(String);

impl Failure {
    fn null(name: &str) -> Self {
        Self(format!("`{name}`: found NULL, expected a pointer"))
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Self(error.to_string())
    }
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

#[unsafe(no_mangle)]
pub extern "C" fn commformer_error() -> *const c_char {
    LAST.with_borrow(|last| last.as_ptr())
}

#[unsafe(no_mangle)]
pub extern "C" fn commformer_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Carries out a call, and gives `failed` for one that fails. Nothing unwinds into C.
pub fn attempt<T>(failed: T, call: impl FnOnce() -> Result<T, Failure>) -> T {
    let reason = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(done)) => return done,
        Ok(Err(Failure(reason))) => reason,
        Err(_) => {
            "a fault of commformer itself, which stderr describes: please report it".to_owned()
        }
    };
    let reason = CString::new(reason.replace('\0', "?")).unwrap_or_default();
    LAST.set(reason);
    failed
}

/// What a pointer of the caller points to, to be looked at.
///
/// # Safety
/// It is NULL, or points to a valid `T` that nobody changes until the call is at its end.
pub unsafe fn shared<'a, T>(name: &str, pointer: *const T) -> Result<&'a T, Failure> {
    // SAFETY: by the caller's promise.
    unsafe { pointer.as_ref() }.ok_or_else(|| Failure::null(name))
}

/// What a pointer of the caller points to, to be changed.
///
/// # Safety
/// It is NULL, or points to a valid `T` that nobody else uses until the call is at its end.
pub unsafe fn exclusive<'a, T>(name: &str, pointer: *mut T) -> Result<&'a mut T, Failure> {
    // SAFETY: by the caller's promise.
    unsafe { pointer.as_mut() }.ok_or_else(|| Failure::null(name))
}

/// Where the caller wants a result, which need not have a value yet.
///
/// # Safety
/// As for [`exclusive`], but for the value.
pub unsafe fn output<'a, T>(
    name: &str,
    pointer: *mut T,
) -> Result<&'a mut MaybeUninit<T>, Failure> {
    // SAFETY: by the caller's promise; any bytes are a valid `MaybeUninit`.
    unsafe { exclusive(name, pointer.cast()) }
}

/// Frees what [`handle`] gave.
///
/// # Safety
/// The pointer is NULL, or of [`handle`], and is not used any more.
pub unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        attempt((), || {
            // SAFETY: by the caller's promise.
            drop(unsafe { Box::from_raw(pointer) });
            Ok(())
        });
    }
}

/// A value that the caller holds until it [frees](free) it; NULL if there is none.
pub fn handle<T>(create: impl FnOnce() -> Result<T, Failure>) -> *mut T {
    attempt(ptr::null_mut(), || Ok(Box::into_raw(Box::new(create()?))))
}

/// The numbers that a pointer of the caller points to.
///
/// # Safety
/// It is NULL, or points to `count` valid `T` that nobody changes until the call is at its end.
pub unsafe fn numbers<'a, T>(
    name: &str,
    pointer: *const T,
    count: usize,
) -> Result<&'a [T], Failure> {
    match (count, pointer.is_null()) {
        (0, _) => Ok(&[]),
        (_, true) => Err(Failure::null(name)),
        // SAFETY: by the caller's promise.
        (_, false) => Ok(unsafe { slice::from_raw_parts(pointer, count) }),
    }
}

/// The flags that a pointer of the caller points to, if it is not NULL.
///
/// # Safety
/// As for [`numbers`].
pub unsafe fn flags(pointer: *const u8, count: usize) -> Option<Vec<bool>> {
    // SAFETY: by the caller's promise.
    let flags = unsafe { numbers("flags", pointer, count) }.ok()?;
    Some(flags.iter().map(|flag| *flag != 0).collect())
}

/// Where numbers begin; NULL if there are none.
pub fn first<T>(numbers: &[T]) -> *const T {
    match numbers {
        [] => ptr::null(),
        _ => numbers.as_ptr(),
    }
}

/// What `read` makes of the file at a path of the caller, which reasons for a failure begin with.
///
/// # Safety
/// It is NULL, or points to a text that ends with a 0.
pub unsafe fn of_file<T>(
    path: *const c_char,
    read: impl FnOnce(&[u8]) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if path.is_null() {
        return Err(Failure::null("path"));
    }
    // SAFETY: by the caller's promise.
    let path = unsafe { CStr::from_ptr(path) };
    let content = (path.to_str())
        .map_err(|_| io::Error::other("expected UTF-8"))
        .and_then(fs::read);
    content
        .map_err(|error| Failure(error.to_string()))
        .and_then(|content| read(&content))
        .map_err(|Failure(reason)| Failure(format!("{}: {reason}", path.to_string_lossy())))
}
