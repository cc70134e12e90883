package acme

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"time"
)

// Login is a person's way in.
type Login struct {
	Username  string
	Password  string
	PatientID string // of a patient
}

// Vendor is a partner's way in.
type Vendor struct {
	Name string
	Key  string
}

// Directory lists who may log in. It follows from seed and size alone, so that a drive in another process can make it
// without asking the hospital.
type Directory struct {
	Patients []Login
	Staff    []Login
	Vendors  []Vendor // billing house first, then the insurer still on v1, then the research integrator
}

// DirectoryOf is the directory of the hospital with that seed and number of patients (Options.Patients).
func DirectoryOf(seed uint64, patients int) Directory {
	epoch := time.Unix(0, 0).UTC()
	return New(Options{Seed: seed, Patients: patients, Now: func() time.Time { return epoch }}).dir
}

type patient struct {
	ID, MRN, Given, Family, Born, Sex, SSN string
	Insurer, InsuranceNumber               string
	Email, Phone, Street, City, Postcode   string
	records                                []*record
	documents                              []document
	visits                                 []*appointment // oldest first
	invoices                               []*invoice
}

type record struct {
	ID         string    `json:"id"`
	PatientID  string    `json:"patient_id"`
	Kind       string    `json:"kind"`
	Department string    `json:"department"`
	Author     string    `json:"author"`
	CreatedAt  time.Time `json:"created_at"`
	Code       string    `json:"icd10"`
	Diagnosis  string    `json:"diagnosis"`
	Note       string    `json:"note"`
	Values     []reading `json:"values,omitempty"`
}

type reading struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

type invoice struct {
	ID        string `json:"id"`
	PatientID string `json:"patient_id"`
	Payer     string `json:"payer"`
	Amount    int    `json:"amount_cents"`
	Currency  string `json:"currency"`
	Status    string `json:"status"`
	IssuedOn  string `json:"issued_on"`
	DueOn     string `json:"due_on"`
	IBAN      string `json:"iban"`
	Items     []item `json:"items"`
}

type item struct {
	Code        string `json:"code"`
	Description string `json:"description"`
	Amount      int    `json:"amount_cents"`
}

type appointment struct {
	ID         int       `json:"id"`
	PatientID  string    `json:"patient_id"`
	Department string    `json:"department"`
	Doctor     string    `json:"doctor"`
	StartsAt   time.Time `json:"starts_at"`
	Minutes    int       `json:"minutes"`
	Status     string    `json:"status"`
	Reason     string    `json:"reason"`
}

// seed fills the hospital. Each table has its own stream of numbers, so that the people do not depend on the clock.
func (h *Hospital) seed(now time.Time) {
	h.patient, h.invoice, h.visit = map[string]*patient{}, map[string]*invoice{}, map[int]*appointment{}
	h.byLogin, h.byKey = map[string]*account{}, map[string]*account{}
	h.seedPeople(rand.New(rand.NewPCG(h.o.Seed, 1)))
	today := now.Truncate(24 * time.Hour)
	h.seedRecords(rand.New(rand.NewPCG(h.o.Seed, 2)), today)
	h.seedInvoices(rand.New(rand.NewPCG(h.o.Seed, 3)), today)
	h.seedVisits(rand.New(rand.NewPCG(h.o.Seed, 4)), today)
}

func (h *Hospital) seedPeople(r *rand.Rand) {
	given, family := strings.Fields(givenNames), strings.Fields(familyNames)
	words := strings.Fields(passwordWords)
	password := func() string { return fmt.Sprintf("%s-%04d-%s", pick(r, words), r.IntN(10000), pick(r, words)) }
	for i := range h.o.Patients {
		p := &patient{
			ID: uuid(r), MRN: fmt.Sprintf("MRN%07d", 1000003+i*7), Given: pick(r, given), Family: pick(r, family),
			Born:    time.Date(1935+r.IntN(80), time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
			Sex:     pick(r, []string{"female", "female", "male", "male", "other"}),
			SSN:     fmt.Sprintf("%03d-%02d-%04d", 100+r.IntN(560), 1+r.IntN(99), 1+r.IntN(9999)),
			Insurer: pick(r, []string{"Insureline", "Medicover", "Statutory Fund North"}), InsuranceNumber: fmt.Sprintf("A%09d", r.IntN(1e9)),
			Phone: fmt.Sprintf("+49 30 %07d", 1000000+r.IntN(8999999)), Street: fmt.Sprintf("%s %d", pick(r, strings.Fields(streets)), 1+r.IntN(140)),
			City: pick(r, strings.Fields(cities)), Postcode: fmt.Sprintf("%05d", 10000+r.IntN(89999)),
		}
		p.Email = strings.ToLower(fmt.Sprintf("%s.%s%d@mail.example", p.Given, p.Family, i))
		h.patients, h.patient[p.ID] = append(h.patients, p), p
		a := &account{subject: p.Email, password: password(), name: p.Given + " " + p.Family, role: isPatient, patient: p}
		h.byLogin[a.subject] = a
		h.dir.Patients = append(h.dir.Patients, Login{a.subject, a.password, p.ID})
	}
	for i := range 24 {
		g, f := pick(r, given), pick(r, family)
		a := &account{subject: strings.ToLower(fmt.Sprintf("%s.%s%d@acme.example", g, f, i)), password: password(), name: g + " " + f, role: isStaff}
		h.byLogin[a.subject] = a
		h.dir.Staff = append(h.dir.Staff, Login{Username: a.subject, Password: a.password})
	}
	for _, name := range []string{"medbill", "insureline", "unicare-research"} {
		a := &account{subject: name, name: name, role: isVendor}
		key := "ak_live_" + hex.EncodeToString(derive(h.o.Seed, "vendor "+name))[:32]
		h.byLogin[name], h.byKey[key] = a, a
		a.password = hex.EncodeToString(derive(h.o.Seed, "vendor password "+name)) // never handed out
		h.dir.Vendors = append(h.dir.Vendors, Vendor{name, key})
	}
}

func (h *Hospital) seedRecords(r *rand.Rand, today time.Time) {
	codes, wards := strings.Split(diagnosisTable, "\n"), h.slugs()
	for _, p := range h.patients {
		for range 1 + r.IntN(6) {
			at := today.Add(-time.Duration(r.Int64N(int64(900 * 24 * time.Hour)))).Truncate(time.Second)
			code, diagnosis, _ := strings.Cut(pick(r, codes), "|")
			rec := &record{
				ID: ulid(r, at), PatientID: p.ID, Kind: pick(r, []string{"note", "lab_result", "imaging", "prescription"}),
				Department: pick(r, wards), Author: h.doctor(r), CreatedAt: at, Code: code, Diagnosis: diagnosis,
				Note: "Seen for " + pick(r, strings.Split(visitReasons, "|")) + ". " + diagnosis + "; plan discussed with the patient.",
			}
			if rec.Kind == "lab_result" {
				rec.Values = []reading{{"haemoglobin", float64(110+r.IntN(60)) / 10, "g/dL"}, {"glucose", float64(70 + r.IntN(90)), "mg/dL"}, {"creatinine", float64(5+r.IntN(10)) / 10, "mg/dL"}}
			}
			p.records = append(p.records, rec)
		}
	}
}

func (h *Hospital) seedInvoices(r *rand.Rand, today time.Time) {
	treatments := strings.Split(treatmentTable, "\n")
	for i := range 2 * len(h.patients) {
		p := h.patients[r.IntN(len(h.patients))]
		issued := today.AddDate(0, 0, -r.IntN(120))
		v := &invoice{
			ID: fmt.Sprintf("INV-%d-%06d", issued.Year(), 4711+i), PatientID: p.ID, Payer: p.Insurer, Currency: "EUR",
			Status: pick(r, []string{"open", "open", "paid", "paid", "paid", "overdue"}), IssuedOn: issued.Format(time.DateOnly),
			DueOn: issued.AddDate(0, 0, 30).Format(time.DateOnly), IBAN: iban(r),
		}
		for range 1 + r.IntN(3) {
			f := strings.Split(pick(r, treatments), "|")
			var cents int
			_, _ = fmt.Sscan(f[2], &cents) // the table is ours
			v.Items = append(v.Items, item{f[0], f[1], cents})
			v.Amount += cents
		}
		h.invoices, h.invoice[v.ID] = append(h.invoices, v), v
		p.invoices = append(p.invoices, v)
	}
}

func (h *Hospital) seedVisits(r *rand.Rand, today time.Time) {
	h.lastID = 100_000
	wards := h.slugs()
	for range 2 * len(h.patients) {
		day := r.IntN(60) - 30
		v := &appointment{
			PatientID: h.patients[r.IntN(len(h.patients))].ID, Department: pick(r, wards), Doctor: h.doctor(r),
			StartsAt: today.AddDate(0, 0, day).Add(8*time.Hour + time.Duration(r.IntN(36))*15*time.Minute), Minutes: 15 * (1 + r.IntN(3)),
			Status: "booked", Reason: pick(r, strings.Split(visitReasons, "|")),
		}
		if day < 0 {
			v.Status = "done"
		}
		h.addVisit(v)
	}
}

// addVisit numbers and keeps an appointment and forgets the oldest beyond the bound. The caller holds mu, or is New.
func (h *Hospital) addVisit(v *appointment) {
	h.lastID++
	v.ID = h.lastID
	h.visits, h.visit[v.ID] = append(h.visits, v), v
	p := h.patient[v.PatientID]
	p.visits = append(p.visits, v)
	if len(h.visits) > max(maxAppointments, 3*len(h.patients)) {
		oldest := h.visits[0]
		delete(h.visit, oldest.ID)
		h.visits = h.visits[1:]
		p = h.patient[oldest.PatientID] // the oldest of all is also its patient's oldest
		p.visits = p.visits[1:]
	}
}

func (h *Hospital) doctor(r *rand.Rand) string {
	return "Dr " + h.byLogin[pick(r, h.dir.Staff).Username].name
}

func (h *Hospital) slugs() (s []string) {
	for line := range strings.SplitSeq(departmentTable, "\n") {
		slug, _, _ := strings.Cut(line, "|")
		s = append(s, slug)
	}
	return s
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// uuid is a version 4 UUID (RFC 9562) from the seed's stream.
func uuid(r *rand.Rand) string {
	hi, lo := r.Uint64()&^0xF000|0x4000, r.Uint64()&^(3<<62)|1<<63
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xFFFF, hi&0xFFFF, lo>>48, lo&(1<<48-1))
}

// ulid is 48 bits of milliseconds and 80 of chance in Crockford's base 32.
func ulid(r *rand.Rand, at time.Time) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [26]byte
	ms := uint64(at.UnixMilli())
	for i := 9; i >= 0; i-- {
		b[i] = alphabet[ms&31]
		ms >>= 5
	}
	for i := 10; i < 26; i++ {
		b[i] = alphabet[r.IntN(32)]
	}
	return string(b[:])
}

// iban is a German account number with right check digits (ISO 13616) at a bank code that is not in use.
func iban(r *rand.Rand) string {
	account := fmt.Sprintf("99999999%010d", r.Int64N(1e10))
	n, _ := new(big.Int).SetString(account+"131400", 10)
	return fmt.Sprintf("DE%02d%s", 98-new(big.Int).Mod(n, big.NewInt(97)).Int64(), account)
}
