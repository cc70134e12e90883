// Command geotables compiles the country and ASN tables that the product embeds from two CSV sets of the ip-location-db project,
// as their npm packages hold them:
//
//	npm pack @ip-location-db/geo-whois-asn-country @ip-location-db/asn   (then unpack each .tgz)
//	go run ./geotables -country DIR -asn DIR -date 2026-06-17 -out ../internal/inspect/identify/geo/tables.bin.zst
//
// The form of the file is described in internal/inspect/identify/geo/decode.go, which reads it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "geotables:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("geotables", flag.ContinueOnError)
	country := flags.String("country", "", "folder with geo-whois-asn-country-ipv4.csv and -ipv6.csv")
	asn := flags.String("asn", "", "folder with asn-ipv4.csv and asn-ipv6.csv")
	date := flags.String("date", "", "date of the data, YYYY-MM-DD")
	out := flags.String("out", "tables.bin.zst", "file to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	day, err := time.Parse(time.DateOnly, *date)
	if err != nil {
		return fmt.Errorf("-date: %w", err)
	}
	if *country == "" || *asn == "" {
		return errors.New("-country and -asn are needed: the unpacked npm packages")
	}
	names := map[uint32]string{}
	var tables [2][]joined
	for i, family := range []string{"ipv4", "ipv6"} {
		places, err := readRows(filepath.Join(*country, "geo-whois-asn-country-"+family+".csv"), nil)
		if err != nil {
			return err
		}
		systems, err := readRows(filepath.Join(*asn, "asn-"+family+".csv"), names)
		if err != nil {
			return err
		}
		tables[i] = join(places, systems, family == "ipv6")
	}
	raw := encode(day, tables[0], tables[1], names)
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(8<<20))
	if err != nil {
		return err
	}
	packed := w.EncodeAll(raw, nil)
	fmt.Printf("ranges: %d IPv4, %d IPv6; organisations: %d; %d bytes, %d compressed\n", len(tables[0]), len(tables[1]), len(names), len(raw), len(packed))
	return os.WriteFile(*out, packed, 0o644)
}
