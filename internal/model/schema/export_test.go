package schema

import "unsafe"

const nodeSize = unsafe.Sizeof(node{})
