package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	pb "sidehook.dev/examples/no-sdk/gen/sidehook/v1"
)

const (
	tagMember     = "go_seen"
	forbiddenType = "Forbidden-go"
)

// hook is what the manifest says of a hook, and the function that answers for it.
//
// An error that the function returns is a failure of the hook, never a "no":
// what the call then does is for the hook's error policy to say.
type hook struct {
	spec   *pb.HookSpec
	handle func(ctx context.Context, run *pb.RunRequest) (*pb.HookResult, error)
}

// hooks is everything this worker serves. What a spec leaves unset has the
// default of its mode.
var hooks = []hook{
	{
		spec: &pb.HookSpec{
			Name:        "go-tag",
			HookType:    "component_pre_execute",
			Mode:        pb.Mode_MODE_TRANSFORM.Enum(),
			Priority:    proto.Int32(30),
			Fields:      &pb.FieldList{Names: []string{"model_options"}},
			Idempotent:  proto.Bool(true),
			Description: proto.String("Marks the model options as seen by Go."),
		},
		handle: tag,
	},
	{
		spec: &pb.HookSpec{
			Name:        "go-guard",
			HookType:    "component_pre_execute",
			Mode:        pb.Mode_MODE_CONCURRENT.Enum(),
			Fields:      &pb.FieldList{Names: []string{"component_type"}},
			Idempotent:  proto.Bool(true),
			Description: proto.String("Blocks components of the type " + forbiddenType + "."),
		},
		handle: guard,
	},
	{
		spec: &pb.HookSpec{
			Name:        "go-fail",
			HookType:    "tool_post_invoke",
			Mode:        pb.Mode_MODE_AUDIT.Enum(),
			Description: proto.String("Always fails, to show what a failure looks like."),
		},
		handle: fail,
	},
}

// hookFailure is an error with a stable name for programs. Its message is for
// operators and holds nothing of the payload.
type hookFailure struct {
	code    string
	message string
}

func (f *hookFailure) Error() string { return f.message }

func tag(_ context.Context, run *pb.RunRequest) (*pb.HookResult, error) {
	// A raw message keeps its octets, so that 2^60+1, 256 and 1.0 leave as they
	// came. Decoded into `any`, all three would be float64.
	var options map[string]json.RawMessage
	if err := decodeField(run, "model_options", "a JSON object", &options); err != nil {
		return nil, err
	}
	// The map is nil where the field is absent or null; both mean no options.
	tagged := map[string]json.RawMessage{}
	maps.Copy(tagged, options)
	tagged[tagMember] = json.RawMessage("true")
	value, err := encode(tagged)
	if err != nil {
		return nil, err
	}
	// A patch holds the changed fields only, each of them whole.
	return &pb.HookResult{Answer: &pb.HookResult_Patch{Patch: &pb.Payload{
		Fields: map[string]*pb.Value{"model_options": value},
	}}}, nil
}

func guard(_ context.Context, run *pb.RunRequest) (*pb.HookResult, error) {
	var componentType string
	if err := decodeField(run, "component_type", "a JSON string", &componentType); err != nil {
		return nil, err
	}
	if componentType != forbiddenType {
		return &pb.HookResult{Answer: &pb.HookResult_Proceed{Proceed: &pb.NoChange{}}}, nil
	}
	details, err := json.Marshal(map[string]string{"word": componentType})
	if err != nil {
		return nil, err
	}
	return &pb.HookResult{Answer: &pb.HookResult_Block{Block: &pb.Violation{
		Reason:  "components of this type are forbidden",
		Code:    "FORBIDDEN_WORD",
		Details: details,
	}}}, nil
}

func fail(context.Context, *pb.RunRequest) (*pb.HookResult, error) {
	return nil, &hookFailure{code: "ALWAYS_FAILS", message: "go-fail fails on every call"}
}

// decodeField reads a field's JSON into target, and leaves target as it is when
// the payload does not have the field. Its error says what was wanted and leaves
// out what the decoder says, which may quote the payload.
func decodeField(run *pb.RunRequest, name, wanted string, target any) error {
	value, ok := run.GetPayload().GetFields()[name]
	if !ok {
		return nil
	}
	text, isJSON := value.GetKind().(*pb.Value_Json)
	// encoding/json would mend what is not UTF-8 instead of refusing it.
	if !isJSON || !utf8.Valid(text.Json) || json.Unmarshal(text.Json, target) != nil {
		return &hookFailure{
			code:    "UNEXPECTED_FIELD",
			message: fmt.Sprintf("the field %s is not %s", name, wanted),
		}
	}
	return nil
}

func encode(value any) (*pb.Value, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	// Else <, > and & in the values it copies would be rewritten as escapes.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, errors.New("the patch is not JSON")
	}
	return &pb.Value{Kind: &pb.Value_Json{Json: bytes.TrimSuffix(text.Bytes(), []byte("\n"))}}, nil
}
