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

// The connections, which are closed once one of the others was lost.
c10d::ProcessGroupGloo &gloo_of(void *group) {
  const auto &gloo = static_cast<Group *>(group)->gloo;
  TORCH_CHECK(gloo, "the connections to the other processes are closed");
  return *gloo;
}

at::Tensor &tensor_of(void *tensor) { return *static_cast<at::Tensor *>(tensor); }

} // namespace

extern "C" {

// Reaches the store of a run at `host` and `port`; the process with `serves` holds it. It listens at `socket`, which the store
// takes over, or on all interfaces if that is negative. No wait lasts longer than `timeout` milliseconds.
char *commformer_group_open(const char *host, uint16_t port, bool serves, int socket, int size, int64_t timeout,
                            const char *prefix, void **group) {
  return guarded([&] {
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = serves;
    if (socket >= 0)
      options.masterListenFd = socket;
    options.numWorkers = static_cast<std::size_t>(size);
    // The caller waits for everybody, and says for whom.
    options.waitWorkers = false;
    options.timeout = std::chrono::milliseconds(timeout);
    c10::intrusive_ptr<c10d::Store> store = c10::make_intrusive<c10d::TCPStore>(host, options);
    *group = new Group{c10::make_intrusive<c10d::PrefixStore>(prefix, std::move(store)), {}};
  });
}

// Connects to everybody, who must do the same within `meeting` milliseconds. After that no wait lasts longer than `answer`
// milliseconds. `device` is the address or host name of the interface to be used, or null for c10d's choice.
char *commformer_group_join(void *group, int rank, int size, int64_t meeting, int64_t answer, const char *device) {
  return guarded([&] {
    Group &own = *static_cast<Group *>(group);
    auto gloo = c10d::ProcessGroupGloo::Options::create(std::chrono::milliseconds(meeting));
    gloo->devices.push_back(device == nullptr
                                ? c10d::ProcessGroupGloo::createDefaultDevice()
                                : c10d::ProcessGroupGloo::createDeviceForHostname(device));
    own.gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(own.store, rank, size, std::move(gloo));
    // Nobody goes on, and perhaps leaves at once, while others are still connecting to it.
    own.gloo->barrier()->wait();
    own.gloo->setTimeout(std::chrono::milliseconds(answer));
  });
}

// Closes the connections to the others, which notice it; the store can still be used.
char *commformer_group_part(void *group) {
  return guarded([&] { static_cast<Group *>(group)->gloo.reset(); });
}

void commformer_group_close(void *group) { delete static_cast<Group *>(group); }

// Gathers a tensor of the same shape from every process, in the order of their ranks; `gathered` are `count` of them.
char *commformer_group_gather(void *group, void *mine, void *const *gathered, size_t count) {
  return guarded([&] {
    std::vector<at::Tensor> inputs{tensor_of(mine)};
    std::vector<std::vector<at::Tensor>> outputs(1);
    for (size_t rank = 0; rank < count; ++rank)
      outputs[0].push_back(tensor_of(gathered[rank]));
    gloo_of(group).allgather(outputs, inputs)->wait();
  });
}

// Overwrites a tensor with the sum over all processes, in the engine's own order.
char *commformer_group_sum(void *group, void *tensor) {
  return guarded([&] {
    std::vector<at::Tensor> tensors{tensor_of(tensor)};
    gloo_of(group).allreduce(tensors)->wait();
  });
}

// Counts one more under a key, and says how many there are.
char *commformer_group_count(void *group, const char *key, int64_t *count) {
  return guarded([&] { *count = static_cast<Group *>(group)->store->add(key, 1); });
}

// Whether there is something under every key.
char *commformer_group_there(void *group, const char *const *keys, size_t count, bool *there) {
  return guarded([&] {
    *there = static_cast<Group *>(group)->store->check(std::vector<std::string>(keys, keys + count));
  });
}

// Leaves a text under a key for the others, unless there is one: the store takes the first of several.
char *commformer_group_say(void *group, const char *key, const char *text) {
  return guarded([&] {
    const std::string value(text);
    static_cast<Group *>(group)->store->compareSet(key, {}, std::vector<uint8_t>(value.begin(), value.end()));
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
