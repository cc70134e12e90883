package description

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const shop = `
openapi: 3.1.0
info: {title: Shop, version: "2"}
servers: [{url: "https://Shop.example/api/{v}", variables: {v: {default: v2}}}]
security: [{token: []}]
paths:
  /orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, format: uuid}}]
    get:
      operationId: showOrder
      responses: {"200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}}
    delete:
      deprecated: true
      security: [{}, {key: []}]
      parameters: [{name: orderId, in: path, required: true, schema: {type: integer}}]
      responses: {"204": {description: gone}}
components:
  securitySchemes:
    token: {type: http, scheme: Bearer}
    key: {type: apiKey, in: header, name: X-Api-Key}
  schemas:
    Order:
      type: object
      properties:
        id: {type: string, example: "secret-4711"}
        parent: {$ref: "#/components/schemas/Order"}
        line: {$ref: "#/components/schemas/Line"}
    Line: {type: object, properties: {sku: {type: string}}}
`

func TestParseOpenAPI(t *testing.T) {
	d, err := ParseOpenAPI("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	if d.Title != "Shop" || len(d.Hosts) != 1 || d.Hosts[0] != "shop.example" || len(d.Operations) != 2 {
		t.Fatalf("got %+v", d)
	}
	del, get := d.Operations[0], d.Operations[1]
	if get.Template != "/api/v2/orders/{orderId}" || get.ID != "showOrder" || !get.Secured || strings.Join(get.Schemes, ",") != "bearer" {
		t.Errorf("get: %+v", get)
	}
	if !del.Deprecated || del.Secured || strings.Join(del.Schemes, ",") != "api-key" {
		t.Errorf("delete: an empty alternative makes it open: %+v", del)
	}
	if len(del.Parameters) != 1 || !strings.Contains(string(del.Parameters[0].Schema), "integer") {
		t.Errorf("the operation's parameter wins over the path's: %+v", del.Parameters)
	}
	schema := string(get.Responses[0].Schema)
	if strings.Contains(schema, "$ref") || !strings.Contains(schema, `"sku"`) || strings.Contains(schema, "4711") || !json.Valid(get.Responses[0].Schema) {
		t.Errorf("references are resolved, cycles end, examples stay out: %s", schema)
	}
}

func TestParseOpenAPIRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"empty":      "",
		"not yaml":   "{",
		"swagger 2":  "swagger: '2.0'\ninfo: {title: a, version: '1'}\npaths: {/a: {get: {responses: {}}}}",
		"no paths":   "openapi: 3.0.0\ninfo: {title: a, version: '1'}\npaths: {}",
		"outside":    "openapi: 3.0.0\ninfo: {title: a, version: '1'}\npaths: {/a: {$ref: 'file:///etc/passwd'}}",
		"outside 2":  "openapi: 3.0.0\ninfo: {title: a, version: '1'}\npaths: {/a: {get: {responses: {'200': {description: a, content: {a/b: {schema: {$ref: 'http://127.0.0.1:1/x.json'}}}}}}}}",
		"no version": "info: {title: a}\npaths: {/a: {}}",
	} {
		if _, err := ParseOpenAPI(name, []byte(in)); !errors.Is(err, ErrDescription) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestUnfoldingIsBounded: thirty schemas that each use the next one twice would unfold to a billion nodes.
func TestUnfoldingIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("openapi: 3.0.0\ninfo: {title: a, version: '1'}\npaths: {/a: {get: {responses: {'200': {description: a, content: {a/b: {schema: {$ref: '#/components/schemas/s0'}}}}}}}}\ncomponents:\n  schemas:\n")
	for i := range 30 {
		n := string(rune('0'+(i+1)/10)) + string(rune('0'+(i+1)%10))
		b.WriteString("    s" + strings.TrimPrefix(string(rune('0'+i/10))+string(rune('0'+i%10)), "0") + ": {type: object, properties: {a: {$ref: '#/components/schemas/s" + strings.TrimPrefix(n, "0") + "'}, b: {$ref: '#/components/schemas/s" + strings.TrimPrefix(n, "0") + "'}}}\n")
	}
	b.WriteString("    s30: {type: string}\n")
	d, err := ParseOpenAPI("bomb", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.Operations[0].Responses[0].Schema); n > 1<<20 {
		t.Fatalf("unfolded to %d bytes", n)
	}
}

// TestRealDescriptions reads every description of the evaluation data.
func TestRealDescriptions(t *testing.T) {
	root := os.Getenv("MERLON_EVAL_DATA")
	if root == "" {
		t.Skip("MERLON_EVAL_DATA is not set: real descriptions are not read")
	}
	read, operations := 0, 0
	err := filepath.WalkDir(filepath.Join(root, "openapi-specs"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, ".txt") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				return err
			}
			if data, err = io.ReadAll(z); err != nil {
				return err
			}
		}
		if !bytes.Contains(data, []byte("openapi")) {
			return nil
		}
		d, err := ParseOpenAPI(path, data)
		if err != nil {
			t.Logf("refused: %v", err)
			return nil
		}
		read++
		operations += len(d.Operations)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d descriptions, %d operations", read, operations)
	if read < 20 {
		t.Errorf("only %d descriptions could be read", read)
	}
}

func FuzzParseOpenAPI(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte(`{"openapi":"3.0.0","paths":{"/a":{"get":{"responses":{"200":{"$ref":"#/x"}}}}}}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) < 1<<16 {
			_, _ = ParseOpenAPI("fuzz", data)
		}
	})
}
