// Command worker serves Sidehook hooks on generated stubs and grpc-go alone.
//
// The sidecar dials it on the address of --listen. It prints READY and that
// address once it can be dialled, and stops on SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"

	pb "sidehook.dev/examples/no-sdk/gen/sidehook/v1"
)

const (
	// A worker that declares no limits has to take 16 MiB and an envelope of
	// 1 MiB; grpc-go refuses what is over 4 MiB unless it is told otherwise.
	maxMessageBytes = 17 << 20
	stopGrace       = 5 * time.Second
	unixScheme      = "unix://"
)

func main() {
	address := flag.String("listen", "", "`address` to serve on: unix:///path or host:port")
	delayMs := flag.Int("delay-ms", 0, "`milliseconds` to wait before each hook, to try deadlines")
	flag.Parse()
	if *address == "" || flag.NArg() > 0 || *delayMs < 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serve(ctx, *address, time.Duration(*delayMs)*time.Millisecond); err != nil {
		log.Fatalf("%s: %v", workerName, err)
	}
}

// serve blocks until the context ends and the runs under way are done.
func serve(ctx context.Context, address string, delay time.Duration) error {
	listener, err := listen(address)
	if err != nil {
		return err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessageBytes))
	pb.RegisterWorkerServiceServer(server, &worker{delay: delay})
	// The listener takes connections from here on.
	fmt.Println("READY", target(listener))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		forced := time.AfterFunc(stopGrace, server.Stop)
		defer forced.Stop()
		server.GracefulStop()
	}()
	if err := server.Serve(listener); err != nil {
		return err
	}
	<-stopped
	return nil
}

func listen(address string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(address, unixScheme)
	if !isUnix {
		return net.Listen("tcp", address)
	}
	if err := removeStaleSocket(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}

// removeStaleSocket deletes the socket that a killed worker left behind, and
// leaves one alone that somebody answers on.
func removeStaleSocket(path string) error {
	connection, err := net.Dial("unix", path)
	switch {
	case err == nil:
		connection.Close()
		return fmt.Errorf("another process serves on %s; stop it or choose another path", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, syscall.ECONNREFUSED) && isSocket(path):
		return os.Remove(path)
	default:
		return err
	}
}

// isSocket keeps a file of another kind, which refuses connections too, from
// being taken for a stale socket.
func isSocket(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().Type() == fs.ModeSocket
}

func target(listener net.Listener) string {
	if listener.Addr().Network() == "unix" {
		return unixScheme + listener.Addr().String()
	}
	return listener.Addr().String()
}
