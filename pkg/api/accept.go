package api

import (
	"mime"
	"strconv"
	"strings"
)

// preference is how much a client wants a media type.
type preference struct {
	quality   float64
	precision int // of the range that matched: 0 for */*, 1 for type/*, 2 for the type itself
}

// prefers reads from an Accept header how much a media type is wanted. The most
// precise range that matches decides (RFC 9110, section 12.5.1). No header
// wants everything.
func prefers(accept, mediaType string) preference {
	if strings.TrimSpace(accept) == "" {
		return preference{quality: 1}
	}
	family, _, _ := strings.Cut(mediaType, "/")
	precisions := map[string]int{"*/*": 0, family + "/*": 1, mediaType: 2}
	found := preference{precision: -1}
	for part := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if precision, matches := precisions[name]; matches && precision > found.precision {
			found = preference{quality: quality(parameters["q"]), precision: precision}
		}
	}
	return found
}

func quality(weight string) float64 {
	if weight == "" {
		return 1
	}
	q, err := strconv.ParseFloat(weight, 64)
	if err == nil && q >= 0 && q <= 1 {
		return q
	}
	return 1
}

// over tells whether p is wanted more than q. Of two that are wanted alike, it is
// the one that is named more precisely.
func (p preference) over(q preference) bool {
	if p.quality != q.quality {
		return p.quality > q.quality
	}
	return p.precision > q.precision
}
