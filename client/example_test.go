package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/url"
	"os"

	"merlon/client"
)

func ExampleClient_ListEndpoints() {
	c, err := client.New("http://127.0.0.1:9901", client.WithToken(os.Getenv("MERLON_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range c.ListEndpoints(context.Background(), url.Values{"lifecycle": {"shadow"}, "sort": {"risk"}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Method, e.Template, e.Risk.Score)
	}
}

func ExampleClient_EditEndpoint() {
	c, err := client.New("http://127.0.0.1:9901", client.WithToken(os.Getenv("MERLON_TOKEN")))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	e, err := c.Endpoint(ctx, 17)
	if err != nil {
		log.Fatal(err)
	}
	owner := "billing@acme.example"
	_, err = c.EditEndpoint(ctx, e.ID, e.Tag, client.EndpointEdit{Owner: &owner})
	if errors.Is(err, client.ErrChanged) {
		fmt.Println("somebody was faster: read it again")
	}
}

func ExampleProblem() {
	c, err := client.New("http://127.0.0.1:9901", client.WithToken("mrl_wrong"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Block(context.Background(), client.NewBlock{Kind: "address", Value: "192.0.2.7", Why: "scanner"})
	var p *client.Problem
	if errors.As(err, &p) {
		fmt.Println(p.Status, p.Field, p.Detail)
	}
}
