// The few functions of libtorch that tch does not reach, as C functions.
//
// Every function returns null when it succeeded, or else a message that the caller frees with
// `commformer_free`: no C++ exception crosses into Rust. Tensors are passed as pointers to
// `at::Tensor` handles, which is what tch's `Tensor::as_ptr` gives.

#include "guarded.h"

#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <c10/core/InferenceMode.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#ifdef __linux__
#include <dlfcn.h>
#include <link.h>
#endif
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

std::vector<at::Tensor> collect(const at::Tensor *const *tensors, size_t count) {
  std::vector<at::Tensor> list;
  list.reserve(count);
  for (size_t i = 0; i < count; ++i)
    list.push_back(*tensors[i]);
  return list;
}

} // namespace

extern "C" {

void commformer_free(char *text) { std::free(text); }

// The path of the libtorch_cpu.so that this process runs with, freed by the caller.
char *commformer_libtorch_path(char **path) {
#ifdef __linux__
  void *handle = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  if (handle == nullptr)
    return message_of("libtorch_cpu.so is not loaded");
  struct link_map *map = nullptr;
  char *failure = nullptr;
  if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr)
    *path = message_of(map->l_name);
  else
    failure = message_of(dlerror());
  dlclose(handle);
  return failure;
#else
  (void)path;
  return message_of("loaded libraries can be found on Linux only");
#endif
}

// What the libtorch that this process runs with says of its making, and of the CPU's instructions
// that it uses; both freed by the caller.
char *commformer_libtorch_build(char **config, char **capability) {
  return guarded([&] {
    const std::string made = at::show_config(), used = at::get_cpu_capability();
    *config = message_of(made.c_str());
    *capability = message_of(used.c_str());
  });
}

// Loads a library for the rest of the process's life, its symbols visible to all.
char *commformer_open_library(const char *path) {
#ifdef __linux__
  return dlopen(path, RTLD_NOW | RTLD_GLOBAL) == nullptr ? message_of(dlerror()) : nullptr;
#else
  (void)path;
  return message_of("libraries can be loaded on Linux only");
#endif
}

// One Adam step with L2 weight decay; `step` is a scalar that holds the count of steps, this one
// included, on the parameters' device.
char *commformer_fused_adam(const at::Tensor *const *parameters,
                            const at::Tensor *const *gradients,
                            const at::Tensor *const *exp_avgs,
                            const at::Tensor *const *exp_avg_sqs, size_t count,
                            const at::Tensor *step, double lr, double beta1, double beta2,
                            double weight_decay, double eps) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    // The kernels only read the steps, so one scalar can stand for every parameter's.
    const std::vector<at::Tensor> steps(count, *step);
    at::_fused_adam_(collect(parameters, count), collect(gradients, count),
                     collect(exp_avgs, count), collect(exp_avg_sqs, count),
                     /*max_exp_avg_sqs=*/{}, steps, lr, beta1, beta2, weight_decay, eps,
                     /*amsgrad=*/false, /*maximize=*/false);
  });
}

// Scales the gradients to a global norm of at most `max_norm`, and gives the norm found. The
// handles get new tensors: gradients may share memory with each other, which scaling in place
// would scale twice.
char *commformer_clip_norm(at::Tensor *const *gradients, size_t count, double max_norm,
                           double *norm) {
  return guarded([&] {
    at::NoGradGuard no_grad;
    const auto list = collect(gradients, count);
    *norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(list, 2)), 2).item<double>();
    const double scale = max_norm / (*norm + 1e-6);
    if (!std::isfinite(*norm) || scale >= 1.0)
      return;
    auto scaled = at::_foreach_mul(list, scale);
    for (size_t i = 0; i < count; ++i)
      *gradients[i] = std::move(scaled[i]);
  });
}

// Begins a time in which this thread keeps no account for gradients; ended by the same thread, in
// reverse order. Null if it could not be begun.
void *commformer_inference_begin() {
  try {
    return new c10::InferenceMode(true);
  } catch (...) {
    return nullptr;
  }
}

void commformer_inference_end(void *guard) { delete static_cast<c10::InferenceMode *>(guard); }

// Tells glibc's allocator to keep freed memory; false where the allocator is another one.
bool commformer_keep_memory(int largest, int kept) {
#ifdef __GLIBC__
  return mallopt(M_MMAP_THRESHOLD, largest) == 1 && mallopt(M_TRIM_THRESHOLD, kept) == 1;
#else
  (void)largest;
  (void)kept;
  return false;
#endif
}

// Where the elements of a dense CPU tensor lie, how many bytes there are, and how many other
// handles to the same memory exist.
char *commformer_memory(const at::Tensor *tensor, void **data, size_t *bytes, size_t *aliases) {
  return guarded([&] {
    TORCH_CHECK(tensor->device().is_cpu() && tensor->is_contiguous(),
                "the memory of a shared tensor must be contiguous and on the CPU");
    *aliases = (tensor->use_count() - 1) + (tensor->storage().use_count() - 1);
    // What other threads wrote before they let go of their handles must be seen from here on.
    std::atomic_thread_fence(std::memory_order_acquire);
    *bytes = 0;
    *data = nullptr;
    if (*aliases != 0)
      return;
    // For a lazily cloned tensor this makes the copy, after which the memory is its own.
    *data = tensor->mutable_data_ptr();
    *bytes = tensor->nbytes();
    TORCH_CHECK(tensor->storage_offset() == 0 && tensor->storage().nbytes() >= *bytes,
                "the memory of a shared tensor was resized");
  });
}

} // extern "C"
