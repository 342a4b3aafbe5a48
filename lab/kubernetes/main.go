// The programs of a Kubernetes node in one binary, called as k3s is: `k3s kubectl`, `k3s ctr`, and `kubectl` by a link
// of that name. Every other program is named by the first argument.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

const adminKubeconfig = "/etc/rancher/k3s/k3s.yaml"

var daemons = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-proxy":              proxy.NewProxyCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
}

func main() {
	name := filepath.Base(os.Args[0])
	if name != "kubectl" {
		if len(os.Args) < 2 {
			fail("no program was named")
		}
		name = os.Args[1]
		// Each program reads os.Args as if it were alone.
		os.Args = os.Args[1:]
	}
	switch name {
	case "kubectl":
		runKubectl()
	case "ctr":
		runCtr()
	default:
		daemon, known := daemons[name]
		if !known {
			fail(fmt.Sprintf("unknown program %q", name))
		}
		os.Exit(cli.Run(daemon()))
	}
}

// As in k3s, the cluster of this host is the one that is meant where nothing else is said.
func runKubectl() {
	if os.Getenv("KUBECONFIG") == "" {
		if _, err := os.Stat(adminKubeconfig); err == nil {
			os.Setenv("KUBECONFIG", adminKubeconfig)
		}
	}
	// kubectl checks errors in its own way, so that its messages are the ones that people know.
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}

// containerd's own client, pointed at the cluster's containerd.
func runCtr() {
	program, err := exec.LookPath("ctr")
	if err != nil {
		fail(err.Error())
	}
	environment := append([]string{
		"CONTAINERD_ADDRESS=/run/k3s/containerd/containerd.sock",
		"CONTAINERD_NAMESPACE=k8s.io",
	}, os.Environ()...)
	if err := syscall.Exec(program, os.Args, environment); err != nil {
		fail(err.Error())
	}
}

func fail(what string) {
	names := []string{"ctr", "kubectl"}
	for name := range daemons {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintf(os.Stderr, "k3s: %s. Allowed: %s\n", what, strings.Join(names, ", "))
	os.Exit(2)
}
