// Command standin plays each program of the product, by the name it is called with, just well enough for the
// supervisor's own tests: it connects to what it was given, serves what it is asked for, and syncs nothing.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	_ "github.com/lib/pq"
)

// businesses have 10 appointments, of which 1 is bad, and 20 touch-points.
var businesses = []string{"harbor-dental", "alpine-physio"}

func main() {
	log.SetFlags(0)
	var err error
	switch name := filepath.Base(os.Args[0]); name {
	case "starter":
		err = starter(os.Args[1:])
	case "sandbox":
		err = serve(os.Args[3], sandbox(os.Args[1]))
	case "api":
		err = api()
	case "worker":
		err = serve(os.Getenv("METRICS_ADDR"), http.NewServeMux())
	default:
		err = fmt.Errorf("no part is called %s", name)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func starter(args []string) error {
	switch fmt.Sprint(args) {
	case "[keyset new]":
		fmt.Println("a-keyset")
		return nil
	case "[migrate up]":
		db, err := open("DATABASE_OWNER_URL")
		if err != nil {
			return err
		}
		_, err = db.Exec(`CREATE TABLE IF NOT EXISTS tenant (id text PRIMARY KEY, activated int NOT NULL DEFAULT 0);
			GRANT SELECT, INSERT, UPDATE ON tenant TO acmesync_app`)
		return err
	case "[setup]":
		conn, err := net.Dial("tcp", os.Getenv("TEMPORAL_ADDRESS"))
		if err != nil {
			return err
		}
		return conn.Close()
	default:
		return fmt.Errorf("starter does not know %v", args)
	}
}

func open(variable string) (*sql.DB, error) {
	db, err := sql.Open("postgres", os.Getenv(variable))
	if err != nil {
		return nil, err
	}
	return db, db.Ping()
}

func sandbox(half string) *http.ServeMux {
	mux := http.NewServeMux()
	var accounts, workspaces []map[string]any
	for _, id := range businesses {
		accounts = append(accounts, map[string]any{"id": id, "name": id, "api_key": "key-" + id})
		workspaces = append(workspaces, map[string]any{"id": id, "name": id, "token": "token-" + id})
		mux.HandleFunc("GET /admin/accounts/"+id+"/totals", answer(map[string]any{
			"appointments": 10, "touchpoints": 20, "events": 9, "deleted": map[string]int{},
			"manifest": map[string]any{"appointments": map[string]int{"end_missing": 1}},
		}))
	}
	mux.HandleFunc("GET /admin/accounts", answer(map[string]any{"accounts": accounts}))
	mux.HandleFunc("GET /admin/workspaces", answer(map[string]any{"workspaces": workspaces}))
	events := 9
	if os.Getenv("STANDIN_LOSES_AN_EVENT") != "" {
		events = 8
	}
	mux.HandleFunc("GET /v1/totals", answer(map[string]any{"events": events, "touchpoints": 20}))
	return mux
}

func api() error {
	db, err := open("DATABASE_URL")
	if err != nil {
		return err
	}
	go func() { log.Fatal(serve(os.Getenv("METRICS_ADDR"), http.NewServeMux())) }()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/tenants", func(w http.ResponseWriter, r *http.Request) {
		var tenant struct{ ID string }
		_ = json.NewDecoder(r.Body).Decode(&tenant)
		result, err := db.Exec(`INSERT INTO tenant (id) VALUES ($1) ON CONFLICT DO NOTHING`, tenant.ID)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if n, _ := result.RowsAffected(); n == 0 {
			w.WriteHeader(http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	mux.HandleFunc("PUT /v1/tenants/{t}/credentials", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("POST /v1/tenants/{t}/activate", func(w http.ResponseWriter, r *http.Request) {
		if _, err := db.Exec(`UPDATE tenant SET activated = activated + 1 WHERE id = $1`, r.PathValue("t")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("GET /v1/tenants/{t}", func(w http.ResponseWriter, r *http.Request) {
		var activated int
		if err := db.QueryRow(`SELECT activated FROM tenant WHERE id = $1`, r.PathValue("t")).Scan(&activated); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		state := "draft"
		if activated > 0 {
			state = "active"
		}
		answer(map[string]any{"state": state, "activated": activated})(w, r)
	})
	mux.HandleFunc("GET /v1/tenants/{t}/balance", answer(map[string]any{"streams": []map[string]any{
		{"stream": "appointments", "known": 10, "in_step": 9, "parked": map[string]int{"end_missing": 1}, "balanced": true},
		{"stream": "touchpoints", "known": 20, "in_step": 20, "balanced": true},
	}}))
	return serve(os.Getenv("HTTP_ADDR"), mux)
}

func answer(body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(body) }
}

// serve answers health checks beside the given routes until it is told to stop.
func serve(address string, mux *http.ServeMux) error {
	ok := func(http.ResponseWriter, *http.Request) {}
	mux.HandleFunc("GET /readyz", ok)
	mux.HandleFunc("GET /healthz", ok)
	server := &http.Server{Addr: address, Handler: mux}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(within)
	})
	log.Printf("serving on %s", address)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	log.Print("served enough")
	return nil
}
