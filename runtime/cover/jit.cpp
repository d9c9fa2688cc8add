// SPDX-License-Identifier: MIT
// The least program that holds what BareFlow uses of LLVM: reads IR, optimises it at O3, compiles it for X86
// and runs it. Linked statically it says how small such a compiler can be (bareflow/deadcode/jit.py). It
// prints 42.
#include <cstdio>
#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IRReader/IRReader.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/SourceMgr.h>

extern "C" {
void LLVMInitializeX86TargetInfo();
void LLVMInitializeX86Target();
void LLVMInitializeX86TargetMC();
void LLVMInitializeX86AsmPrinter();
void LLVMInitializeX86AsmParser();
}

static const char source[] = "define i32 @answer(i32 %x) { %y = mul i32 %x, 6\n ret i32 %y }";

static void optimise(llvm::Module &module) {
    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager cycles;
    llvm::ModuleAnalysisManager modules;
    llvm::PassBuilder builder;
    builder.registerModuleAnalyses(modules);
    builder.registerCGSCCAnalyses(cycles);
    builder.registerFunctionAnalyses(functions);
    builder.registerLoopAnalyses(loops);
    builder.crossRegisterProxies(loops, functions, cycles, modules);
    builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
}

int main() {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
    auto context = std::make_unique<llvm::LLVMContext>();
    llvm::SMDiagnostic problem;
    auto module = llvm::parseIR(*llvm::MemoryBuffer::getMemBuffer(source), problem, *context);
    if (!module)
        return 1;
    optimise(*module);
    auto jit = llvm::cantFail(llvm::orc::LLJITBuilder().create());
    llvm::cantFail(jit->addIRModule(llvm::orc::ThreadSafeModule(std::move(module), std::move(context))));
    auto found = llvm::cantFail(jit->lookup("answer"));
#if LLVM_VERSION_MAJOR < 15
    auto answer = reinterpret_cast<int (*)(int)>(found.getAddress());
#else
    auto answer = found.toPtr<int (*)(int)>();
#endif
    std::printf("%d\n", answer(7));
    return 0;
}
