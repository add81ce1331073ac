// A vCenter for tests: govmomi's simulator with an inventory of our own shape. Prints "ready URL" when it answers.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
)

func main() {
	model := simulator.VPX()
	model.Machine = 0
	listen := flag.String("listen", "127.0.0.1:0", "address")
	user := flag.String("user", "administrator@vsphere.local", "user")
	password := flag.String("password", "", "password; any login is accepted without one")
	full := flag.String("full", "", "datastores that are full, by name, with commas between them")
	verbose := flag.Bool("verbose", false, "log what the simulator logs")
	flag.IntVar(&model.Datacenter, "dc", 1, "datacenters")
	flag.IntVar(&model.Folder, "folder", 1, "datacenters that lie in folders")
	flag.IntVar(&model.Cluster, "cluster", 2, "clusters")
	flag.IntVar(&model.ClusterHost, "host", 2, "hosts of a cluster")
	flag.IntVar(&model.Pool, "pool", 1, "resource pools of a cluster")
	flag.IntVar(&model.Datastore, "ds", 3, "datastores")
	flag.IntVar(&model.Portgroup, "pg", 2, "port groups of the distributed switch")
	flag.IntVar(&model.Pod, "pod", 1, "datastore clusters")
	flag.Parse()
	if !*verbose {
		log.SetOutput(io.Discard)
	}
	if err := model.Create(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, name := range strings.Split(*full, ",") {
		for _, object := range simulator.Map.All("Datastore") {
			if store, ok := object.(*simulator.Datastore); ok && store.Name == name {
				store.Summary.FreeSpace = 0
				store.Info.GetDatastoreInfo().FreeSpace = 0
			}
		}
	}
	for _, object := range simulator.Map.All("HostSystem") {
		if host, ok := object.(*simulator.HostSystem); ok {
			host.Summary.Hardware.MemorySize = 64 << 30
			host.Summary.QuickStats.OverallMemoryUsage = 0
			host.Hardware.MemorySize = 64 << 30
		}
	}
	model.Service.TLS = new(tls.Config)
	model.Service.RegisterEndpoints = true
	model.Service.Listen = &url.URL{Host: *listen, User: url.UserPassword(*user, *password)}
	server := model.Service.NewServer()
	fmt.Println("ready", server.URL.Scheme+"://"+server.URL.Host)
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
	model.Remove()
}
