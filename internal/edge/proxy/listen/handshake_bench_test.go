package listen

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// BenchmarkHandshakes: full handshakes of many clients at once, and how long a computation of 100 us that stands for a
// request waits among them, by how many handshakes are computed at once. The clients compute in this process too.
func BenchmarkHandshakes(b *testing.B) {
	ca := newIssuer(b, "ca")
	for _, computing := range []int{1, runtime.GOMAXPROCS(0), 4 * runtime.GOMAXPROCS(0), 1000} {
		b.Run(fmt.Sprintf("computing=%d", computing), func(b *testing.B) {
			var f folder
			x := newTLS(b, &f, TLSOptions{Certificates: []CertificateFiles{f.certificate(b, ca, "a", lease{names: []string{"a.example"}, rsa: true})}})
			a := NewAdmission(AdmissionOptions{Computing: computing, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
			s := newStation(b, Options{TLS: x, Admission: a})
			config := &tls.Config{InsecureSkipVerify: true}
			stop := make(chan struct{})
			var worst, total time.Duration
			var n int
			var beside sync.WaitGroup
			beside.Go(func() { // a request beside the handshakes: woken, then working
				tick := time.NewTicker(time.Millisecond)
				defer tick.Stop()
				for {
					select {
					case at := <-tick.C:
						late := time.Since(at)
						worst, total, n = max(worst, late), total+late, n+1
					case <-stop:
						return
					}
				}
			})
			work := make(chan struct{})
			var clients sync.WaitGroup
			for range 64 {
				clients.Go(func() {
					for range work {
						nc, err := net.Dial("tcp", s.addr)
						if err != nil {
							b.Error(err)
							return
						}
						if err := tls.Client(nc, config).Handshake(); err != nil {
							b.Error(err)
						}
						_ = nc.Close()
						o := s.next()
						if o.conn != nil {
							_ = o.conn.Close()
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			clients.Wait()
			close(stop)
			beside.Wait()
			b.ReportMetric(float64(total.Microseconds())/float64(max(n, 1)), "us-late/op")
			b.ReportMetric(float64(worst.Microseconds()), "us-worst")
		})
	}
}
