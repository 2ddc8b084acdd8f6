// torch's own distributed engine (c10d), as C functions: a store that all processes of a run reach, and a group of them that
// exchanges tensors by Gloo.
//
// As in shim.cpp, every function returns null when it succeeded, or else a message that the caller frees.

#define USE_C10D_GLOO 1

#include "guarded.h"

#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace {

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
};

at::Tensor &tensor_of(void *tensor) { return *static_cast<at::Tensor *>(tensor); }

} // namespace

extern "C" {

// Meets the others of a run at `host` and `port`; the process with `serves` holds the store. Every wait ends after `timeout`
// milliseconds. `device` is the address or host name of the interface to be used, or null for c10d's choice.
char *commformer_group_open(const char *host, uint16_t port, bool serves, int rank, int size, int64_t timeout,
                            const char *prefix, const char *device, void **group) {
  return guarded([&] {
    const std::chrono::milliseconds patience(timeout);
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = serves;
    options.numWorkers = static_cast<std::size_t>(size);
    // The group waits for everybody, and says for whom.
    options.waitWorkers = false;
    options.timeout = patience;
    c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::TCPStore>(host, options);
    store = c10::make_intrusive<c10d::PrefixStore>(prefix, std::move(store));
    auto gloo = c10d::ProcessGroupGloo::Options::create(patience);
    gloo->devices.push_back(device == nullptr
                                ? c10d::ProcessGroupGloo::createDefaultDevice()
                                : c10d::ProcessGroupGloo::createDeviceForHostname(device));
    auto members = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, std::move(gloo));
    *group = new Group{std::move(store), std::move(members)};
  });
}

void commformer_group_close(void *group) { delete static_cast<Group *>(group); }

// Gathers a tensor of the same shape from every process, in the order of their ranks; `gathered` are `count` of them.
char *commformer_group_gather(void *group, void *mine, void *const *gathered, size_t count) {
  return guarded([&] {
    std::vector<at::Tensor> inputs{tensor_of(mine)};
    std::vector<std::vector<at::Tensor>> outputs(1);
    for (size_t rank = 0; rank < count; ++rank)
      outputs[0].push_back(tensor_of(gathered[rank]));
    static_cast<Group *>(group)->gloo->allgather(outputs, inputs)->wait();
  });
}

// Overwrites a tensor with that of process `root`.
char *commformer_group_broadcast(void *group, void *tensor, int root) {
  return guarded([&] {
    std::vector<at::Tensor> tensors{tensor_of(tensor)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    static_cast<Group *>(group)->gloo->broadcast(tensors, options)->wait();
  });
}

// Overwrites a tensor with the sum over all processes, in the engine's own order.
char *commformer_group_sum(void *group, void *tensor) {
  return guarded([&] {
    std::vector<at::Tensor> tensors{tensor_of(tensor)};
    static_cast<Group *>(group)->gloo->allreduce(tensors)->wait();
  });
}

// Waits for everybody; process 0 learns who did not come within `timeout` milliseconds.
char *commformer_group_barrier(void *group, int64_t timeout) {
  return guarded([&] {
    c10d::BarrierOptions options;
    options.timeout = std::chrono::milliseconds(timeout);
    static_cast<Group *>(group)->gloo->monitoredBarrier(options, true);
  });
}

// Leaves a text under a key for the others.
char *commformer_group_say(void *group, const char *key, const char *text) {
  return guarded([&] {
    const std::string value(text);
    static_cast<Group *>(group)->store->set(key, std::vector<uint8_t>(value.begin(), value.end()));
  });
}

// The text under a key, or null if nobody has left one.
char *commformer_group_heard(void *group, const char *key, char **text) {
  return guarded([&] {
    c10d::Store &store = *static_cast<Group *>(group)->store;
    *text = nullptr;
    if (store.check({key})) {
      const std::vector<uint8_t> value = store.get(key);
      *text = message_of(std::string(value.begin(), value.end()).c_str());
    }
  });
}
}
