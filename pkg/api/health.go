package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// checkTimeout bounds how long readiness asks one part.
const checkTimeout = 2 * time.Second

type healthStatus struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

// health tells that the process answers.
func (s *Server) health(c echo.Context) error {
	return private(c, http.StatusOK, healthStatus{Status: "ok"})
}

// ready tells whether requests should come here. A part that is not needed
// leaves us ready without it.
func (s *Server) ready(c echo.Context) error {
	found := healthStatus{Status: "ok", Checks: make(map[string]string, len(s.Checks))}
	status := http.StatusOK
	for _, check := range s.Checks {
		found.Checks[check.Name] = "ok"
		if err := ping(c.Request().Context(), check); err == nil {
			continue
		}
		found.Checks[check.Name] = "down"
		if check.Needed {
			found.Status, status = "down", http.StatusServiceUnavailable
		} else if status == http.StatusOK {
			found.Status = "degraded"
		}
	}
	select {
	case <-s.draining():
		found.Status, status = "draining", http.StatusServiceUnavailable
	default:
	}
	return private(c, status, found)
}

// gauge asks the part whenever the metrics are read.
func (c Check) gauge() prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "dreamchat_dependency_up",
		Help:        "Whether a part that the service depends on can be reached.",
		ConstLabels: prometheus.Labels{"name": c.Name},
	}, func() float64 {
		if ping(context.Background(), c) != nil {
			return 0
		}
		return 1
	})
}

func ping(ctx context.Context, check Check) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return check.Ping(ctx)
}
