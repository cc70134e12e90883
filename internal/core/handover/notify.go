package handover

import (
	"fmt"
	"net"
)

// Notify tells systemd how this service is, by sd_notify(3): READY=1, RELOADING=1, STOPPING=1, MAINPID=1234. socket is
// NOTIFY_SOCKET of the environment; without one nobody wants to know.
func Notify(socket, state string) error {
	if socket == "" {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	return nil
}
