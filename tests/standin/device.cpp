// The device: memory between guard pages, every operation done by the CPU's, graphs as lists of what was done.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>

#include <functional>
#include <memory>
#include <vector>

using at::Tensor;
using namespace c10;

namespace {

const Device DEVICE(DeviceType::CUDA, 0);

// Memory. The end of a tensor is the end of what may be touched.

struct Mapping {
    void* base;
    size_t bytes;
};

void unmap(void* context) {
    auto* mapping = static_cast<Mapping*>(context);
    munmap(mapping->base, mapping->bytes);
    delete mapping;
}

struct Memory final : Allocator {
    DataPtr allocate(size_t bytes) override {
        if (bytes == 0) return {nullptr, nullptr, &unmap, DEVICE};
        const size_t page = 4096, body = (bytes + page - 1) / page * page, all = body + 2 * page;
        auto* base = static_cast<char*>(mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        TORCH_CHECK(base != MAP_FAILED, "out of memory");
        mprotect(base, page, PROT_NONE);
        mprotect(base + page + body, page, PROT_NONE);
        // What nobody has written is not a number.
        memset(base + page, 0xff, body);
        return {base + page + body - bytes, new Mapping{base, all}, &unmap, DEVICE};
    }
    DeleterFnPtr raw_deleter() const override { return nullptr; }
    void copy_data(void* to, const void* from, size_t bytes) const override { memcpy(to, from, bytes); }
};

Memory memory;
REGISTER_ALLOCATOR(DeviceType::CUDA, &memory)

// What torch asks of a device: there is one, with one stream, and never anything to wait for.

struct Guard final : impl::DeviceGuardImplInterface {
    static Stream stream() { return Stream(Stream::UNSAFE, DEVICE, 7); }
    DeviceType type() const override { return DeviceType::CUDA; }
    Device exchangeDevice(Device) const override { return DEVICE; }
    Device getDevice() const override { return DEVICE; }
    void setDevice(Device) const override {}
    void uncheckedSetDevice(Device) const noexcept override {}
    Stream getStream(Device) const noexcept override { return stream(); }
    Stream getDefaultStream(Device) const override { return stream(); }
    Stream getNewStream(Device, int) const override { return stream(); }
    Stream exchangeStream(Stream) const noexcept override { return stream(); }
    DeviceIndex deviceCount() const noexcept override { return 1; }
    void record(void** event, const Stream&, const DeviceIndex, const EventFlag) const override { *event = this_event(); }
    void block(void*, const Stream&) const override {}
    bool queryEvent(void*) const override { return true; }
    void destroyEvent(void*, const DeviceIndex) const noexcept override {}
    bool queryStream(const Stream&) const override { return true; }
    void synchronizeStream(const Stream&) const override {}
    void synchronizeEvent(void*) const override {}
    void recordDataPtrOnStream(const DataPtr&, const Stream&) const override {}
    static void* this_event() {
        static char event;
        return &event;
    }
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

at::Generator generator = at::detail::createCPUGenerator();

}  // namespace

struct StandIn final : at::CUDAHooksInterface {
    explicit StandIn(at::CUDAHooksArgs) {}
    void init() const override {}
    bool isBuilt() const override { return true; }
    bool isAvailable() const override { return true; }
    bool hasCUDA() const override { return true; }
    bool hasPrimaryContext(DeviceIndex) const override { return true; }
    DeviceIndex deviceCount() const override { return 1; }
    int getNumGPUs() const override { return 1; }
    void setCurrentDevice(DeviceIndex) const override {}
    DeviceIndex getCurrentDevice() const override { return 0; }
    DeviceIndex exchangeDevice(DeviceIndex) const override { return 0; }
    DeviceIndex maybeExchangeDevice(DeviceIndex) const override { return 0; }
    DeviceIndex current_device() const override { return 0; }
    const at::Generator& getDefaultGenerator(DeviceIndex) const override { return generator; }
    at::Generator getNewGenerator(DeviceIndex) const override { return at::detail::createCPUGenerator(); }
    Allocator* getCUDADeviceAllocator() const override { return &memory; }
    Allocator* getPinnedMemoryAllocator() const override { return GetAllocator(DeviceType::CPU); }
    Device getDeviceFromPtr(void*) const override { return DEVICE; }
    void deviceSynchronize(DeviceIndex) const override {}
};

namespace at {
using StandIn = ::StandIn;
C10_REGISTER_CLASS(CUDAHooksRegistry, CUDAHooks, StandIn)
}  // namespace at

namespace {

// Operations. Each is done by the CPU's, on tensors of the same memory.

Tensor over_the_same(const Tensor& tensor, Device device, DispatchKey key) {
    auto keep = [](void* context) { delete static_cast<Tensor*>(context); };
    DataPtr pointer(tensor.storage().mutable_data(), new Tensor(tensor), keep, device);
    // Results grow: an operation is given an empty one to fill.
    Storage storage(Storage::use_byte_size_t(), tensor.storage().nbytes(), std::move(pointer), GetAllocator(device.type()), true);
    auto made = at::detail::make_tensor<TensorImpl>(std::move(storage), DispatchKeySet(key), tensor.dtype());
    made.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
    if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) made.unsafeGetTensorImpl()->set_wrapped_number(true);
    return made;
}

Tensor on_host(const Tensor& tensor) { return over_the_same(tensor, Device(DeviceType::CPU), DispatchKey::CPU); }
Tensor on_device(const Tensor& tensor) { return over_the_same(tensor, DEVICE, DispatchKey::CUDA); }

// Puts other tensors in place of those of a value.
template <typename Exchange>
void exchange(IValue& value, const Exchange& other) {
    if (value.isTensor()) {
        value = other(value.toTensor());
    } else if (value.isTensorList()) {
        List<Tensor> list;
        for (const auto& tensor : value.toTensorVector()) list.push_back(other(tensor));
        value = IValue(list);
    } else if (value.isOptionalTensorList()) {
        List<std::optional<Tensor>> list;
        for (std::optional<Tensor> tensor : value.toOptionalTensorList())
            list.push_back(tensor ? std::optional<Tensor>(other(*tensor)) : tensor);
        value = IValue(list);
    }
}

// The tensors of a result.
std::vector<Tensor> tensors(const IValue& value) {
    if (value.isTensor()) return {value.toTensor()};
    return value.isTensorList() ? value.toTensorVector() : std::vector<Tensor>{};
}

// Graphs.

using Tape = std::vector<std::function<void()>>;
std::vector<std::shared_ptr<Tape>> tapes;
std::shared_ptr<Tape> recording;
bool waiting_is_an_error = false;

void waits(const std::string& name) {
    TORCH_CHECK(!waiting_is_an_error && !recording, name, " would have the host wait for the device");
}

void record(const OperatorHandle& op, std::vector<IValue> arguments, std::vector<IValue> results) {
    recording->push_back([op, arguments = std::move(arguments), results = std::move(results)] {
        at::AutoDispatchBelowADInplaceOrView below;
        torch::jit::Stack stack(arguments.begin(), arguments.end());
        op.callBoxed(stack);
        for (size_t i = 0; i < results.size(); i++) {
            // To where the graph's first run left it, unless it is there.
            const auto again = tensors(stack[i]), first = tensors(results[i]);
            for (size_t j = 0; j < first.size(); j++)
                if (first[j].defined() && first[j].data_ptr() != again[j].data_ptr()) first[j].copy_(again[j]);
        }
    });
}

bool takes_both(const std::string& name) {
    return name == "aten::copy_" || name == "aten::set_" || name.rfind("aten::index", 0) == 0 ||
           name.rfind("aten::_index", 0) == 0 || name.rfind("aten::_unsafe_index", 0) == 0;
}

void by_the_cpu(const OperatorHandle& op, torch::jit::Stack* stack) {
    const auto& schema = op.schema();
    const auto& name = schema.name();
    const size_t first = stack->size() - schema.arguments().size();
    if (name == "aten::_local_scalar_dense" || name == "aten::nonzero" || name == "aten::equal" ||
        name == "aten::masked_select")
        waits(name);
    std::vector<std::pair<Tensor, Tensor>> moved;
    std::vector<Tensor> hosts;
    auto given = [&](const Tensor& tensor) -> Tensor {
        if (!tensor.defined()) return tensor;
        if (!tensor.is_cuda()) {
            hosts.push_back(tensor);
            return tensor;
        }
        for (auto& [own, other] : moved)
            if (own.is_same(tensor)) return other;
        moved.emplace_back(tensor, on_host(tensor));
        return moved.back().second;
    };
    for (size_t i = first; i < stack->size(); i++) {
        IValue& value = (*stack)[i];
        exchange(value, given);
        if (value.isDevice()) {
            value = IValue(Device(DeviceType::CPU));
        }
    }
    const bool both = !moved.empty() && std::any_of(hosts.begin(), hosts.end(), [](const Tensor& t) { return t.dim() > 0; });
    TORCH_CHECK(!both || takes_both(name), name, ": tensors on two devices");
    if (both && name == "aten::copy_") waits(name);
    std::vector<IValue> arguments;
    if (recording) arguments.assign(stack->begin() + first, stack->end());
    {
        at::AutoDispatchBelowADInplaceOrView below;
        op.callBoxed(stack);
    }
    const size_t last = stack->size() - schema.returns().size();
    if (recording) record(op, arguments, std::vector<IValue>(stack->begin() + last, stack->end()));
    auto back = [&](const Tensor& result) -> Tensor {
        if (!result.defined() || result.is_cuda()) return result;
        for (auto& host : hosts)
            if (host.is_same(result)) return result;
        for (auto& [own, other] : moved) {
            if (!other.is_same(result)) continue;
            if (result.storage().data() != own.storage().data() || !result.sizes().equals(own.sizes())) {
                // It had to grow.
                own.unsafeGetTensorImpl()->set_storage_keep_dtype(on_device(result).storage());
                own.unsafeGetTensorImpl()->set_sizes_and_strides(result.sizes(), result.strides(), result.storage_offset());
            }
            return own;
        }
        return on_device(result);
    };
    for (size_t i = last; i < stack->size(); i++) exchange((*stack)[i], back);
}

ScalarType type_of(std::optional<ScalarType> type) {
    return type.value_or(typeMetaToScalarType(get_default_dtype()));
}

Tensor empty(IntArrayRef size, std::optional<ScalarType> type, std::optional<Layout>, std::optional<Device>,
             std::optional<bool>, std::optional<MemoryFormat> format) {
    return at::detail::empty_generic(size, &memory, DispatchKeySet(DispatchKey::CUDA), type_of(type), format);
}

Tensor empty_strided(IntArrayRef size, IntArrayRef strides, std::optional<ScalarType> type, std::optional<Layout>,
                     std::optional<Device>, std::optional<bool>) {
    return at::detail::empty_strided_generic(size, strides, &memory, DispatchKeySet(DispatchKey::CUDA), type_of(type));
}

// Of half-precision factors with float32 sums, which the CPU's has not.
Tensor mm_as(const Tensor& a, const Tensor& b, ScalarType type) {
    TORCH_CHECK(a.is_cuda() && b.is_cuda(), "mm: tensors on two devices");
    const auto left = on_host(a), right = on_host(b), made = at::mm(left.to(type), right.to(type));
    if (recording) recording->push_back([=] { made.copy_(at::mm(left.to(type), right.to(type))); });
    return on_device(made);
}

}  // namespace

TORCH_LIBRARY_IMPL(_, CUDA, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&by_the_cpu>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
    library.impl("empty.memory_format", empty);
    library.impl("empty_strided", empty_strided);
    library.impl("as_strided", TORCH_FN(at::native::as_strided_tensorimpl));
    library.impl("view", TORCH_FN(at::native::view));
    library.impl("_reshape_alias", TORCH_FN(at::native::_reshape_alias));
    library.impl("mm.dtype", mm_as);
    library.impl("copy_", torch::CppFunction::makeFromBoxedFunction<&by_the_cpu>());
}

TORCH_LIBRARY(standin, library) { library.def("on_host(Tensor tensor) -> Tensor"); }

TORCH_LIBRARY_IMPL(standin, CUDA, library) { library.impl("on_host", on_host); }

extern "C" {
void standin_forbid_waiting(bool forbidden) { waiting_is_an_error = forbidden; }
void standin_begin() { recording = std::make_shared<Tape>(); }
bool standin_records() { return recording != nullptr; }
void standin_launched(void (*again)(int64_t), int64_t which) { recording->push_back([=] { again(which); }); }
int64_t standin_end() {
    tapes.push_back(std::move(recording));
    recording = nullptr;
    return static_cast<int64_t>(tapes.size()) - 1;
}
void standin_replay(int64_t which) {
    for (auto& work : *tapes[which]) work();
}
}
