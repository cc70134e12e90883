package exchange

// RPC is what was understood of a remote procedure call carried by an exchange. The zero value means that it carried none.
type RPC struct {
	Protocol RPCProtocol
	// Known tells that a status was seen; Status is it: 0 to 16 for gRPC (google.golang.org/grpc/codes), 255 for a number
	// beyond them.
	Known  bool
	Status uint8
	// Requests and Responses are the messages that went each way, as far as their frames could be followed.
	Requests, Responses uint32
}

// RPCProtocol is a way to carry calls over HTTP.
type RPCProtocol uint8

const (
	NoRPC   RPCProtocol = iota
	GRPC                // gRPC over HTTP/2: status in trailers, or in the head of an answer without body
	GRPCWeb             // gRPC-Web: status in the last frame of the body, or in the head of an answer without body
)

// String is the protocol's name, empty for none.
func (p RPCProtocol) String() string {
	switch p {
	case GRPC:
		return "grpc"
	case GRPCWeb:
		return "grpc-web"
	default:
		return ""
	}
}

// Codes of gRPC that Merlon itself answers with or reads a meaning into.
const (
	RPCOK                uint8 = 0
	RPCInvalidArgument   uint8 = 3
	RPCDeadlineExceeded  uint8 = 4
	RPCPermissionDenied  uint8 = 7
	RPCResourceExhausted uint8 = 8
	RPCInternal          uint8 = 13
	RPCUnavailable       uint8 = 14
	// RPCBeyond stands for every status above 16.
	RPCBeyond uint8 = 255
)

// rpcMeaning is what each gRPC status means as one of HTTP (google/rpc/code.proto, "HTTP Mapping"). It is constant.
var rpcMeaning = [...]int{200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401}

// HTTPStatus is what the call's status means as a status of HTTP, by which learning and detectors tell success from refusal;
// carried is the status of the answer itself, which gRPC sets to 200 whatever became of the call.
func (r RPC) HTTPStatus(carried int) int {
	switch {
	case r.Protocol == NoRPC || carried != 200 || !r.Known:
		return carried
	case int(r.Status) < len(rpcMeaning):
		return rpcMeaning[r.Status]
	default:
		return 500
	}
}
