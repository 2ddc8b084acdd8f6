// How the shim reports errors: a C function returns null, or else a message that `commformer_free` frees.
#pragma once

#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>
#include <exception>

// A copy that `commformer_free` can free; never null, since null means success.
inline char *message_of(const char *text) noexcept {
  if (text == nullptr)
    text = "no message was given";
  const size_t size = std::strlen(text) + 1;
  char *copy = static_cast<char *>(std::malloc(size));
  if (copy == nullptr)
    std::abort();
  std::memcpy(copy, text, size);
  return copy;
}

template <typename Body> char *guarded(Body body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const c10::Error &error) {
    return message_of(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return message_of(error.what());
  } catch (...) {
    return message_of("an exception of an unknown type");
  }
}
