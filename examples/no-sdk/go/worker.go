package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "sidehook.dev/examples/no-sdk/gen/sidehook/v1"
)

const (
	workerName      = "go-worker"
	protocolVersion = 1
)

// worker answers the two unary calls of a dialled worker. RunStream is left to
// the embedded stub, whose UNIMPLEMENTED makes the sidecar use Run.
type worker struct {
	pb.UnimplementedWorkerServiceServer
	// delay is waited before each hook, as if it asked a service.
	delay time.Duration
}

// Describe says who this worker is and what it serves.
func (w *worker) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	manifest := &pb.WorkerManifest{
		ProtocolVersion: protocolVersion,
		Worker:          workerName,
		Instance:        instance(),
		Sdk:             "none, grpc-go",
	}
	for _, hook := range hooks {
		manifest.Hooks = append(manifest.Hooks, hook.spec)
	}
	return &pb.DescribeResponse{Manifest: manifest}, nil
}

// Run calls the one hook of the run. The context ends with the gRPC deadline,
// which is the time the hook has, or when the sidecar cancels.
func (w *worker) Run(ctx context.Context, run *pb.RunRequest) (*pb.RunResponse, error) {
	hook, err := selectHook(run)
	if err != nil {
		return nil, err
	}
	if err := wait(ctx, w.delay); err != nil {
		log.Printf("cancelled hook=%s call_id=%s", hook.spec.GetName(), run.GetCallId())
		return nil, status.FromContextError(err).Err()
	}
	// Its index stays 0: there is one hook in the run.
	return &pb.RunResponse{Result: hook.answer(ctx, run)}, nil
}

// selectHook finds the hook that the run names.
func selectHook(run *pb.RunRequest) (*hook, error) {
	steps := run.GetSteps()
	if len(steps) != 1 || len(steps[0].GetHooks()) != 1 {
		return nil, status.Errorf(codes.InvalidArgument,
			"%s takes exactly one step with one hook in a run: it does not declare fused_runs",
			workerName)
	}
	name := steps[0].GetHooks()[0].GetHook()
	var served []string
	for i := range hooks {
		if hooks[i].spec.GetName() == name {
			return &hooks[i], nil
		}
		served = append(served, hooks[i].spec.GetName())
	}
	return nil, status.Errorf(codes.NotFound, "%s has no hook %q; it serves %s",
		workerName, name, strings.Join(served, ", "))
}

// answer calls the hook's function. Exactly one answer is set in what it returns.
func (h *hook) answer(ctx context.Context, run *pb.RunRequest) (result *pb.HookResult) {
	// A panic in one hook would end the process, and with it the other hooks.
	defer func() {
		if recover() != nil {
			result = failed(&hookFailure{code: "PANIC", message: h.spec.GetName() + " panicked"})
		}
	}()
	result, err := h.handle(ctx, run)
	if err != nil {
		return failed(err)
	}
	return result
}

func failed(err error) *pb.HookResult {
	code := "ERROR"
	if failure := (*hookFailure)(nil); errors.As(err, &failure) {
		code = failure.code
	}
	return &pb.HookResult{Answer: &pb.HookResult_Error{Error: &pb.HookError{
		FailureClass: pb.FailureClass_FAILURE_CLASS_RAISED,
		Code:         code,
		Message:      err.Error(),
	}}}
}

// wait returns the context's error as soon as it has one, else nil after the delay.
func wait(ctx context.Context, delay time.Duration) error {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err()
}

func instance() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}
