package acme

// The tables from which people are invented. Family names are common ones of several countries; no person is meant.
const (
	givenNames = `Ana Amir Anton Beatriz Bilal Carla Chen Daniel Dilara Elena Emil Fatima Felix Giulia Greta Hana Hugo Ines Ivan Jana
Jonas Julia Kenji Klara Lars Leila Lena Luca Maja Marek Marta Mehmet Mia Nadia Niko Nora Oskar Paula Pavel Rania
Rosa Samir Sara Sofia Tariq Teresa Thomas Uma Valentin Vera Wei Yara Yusuf Zofia`
	familyNames = `Almeida Andersen Aydin Bauer Becker Bernard Bianchi Brandt Castro Chen Costa Dubois Eriksen Fernandez Fischer Garcia
Haddad Hansen Hoffmann Ito Jansen Kaya Keller Khan Kowalski Kraus Lambert Larsen Lehmann Lopez Martin Meyer Moreau Nguyen
Novak Okafor Olsen Patel Petrov Popescu Richter Romano Rossi Santos Sato Schmitt Silva Tanaka Vogel Wagner Weber Yilmaz`
	streets = `Ahornweg Bachstrasse Birkenallee Domplatz Eichenweg Gartenstrasse Hafenstrasse Kirchgasse Lindenstrasse Marktplatz Parkweg Rosenweg Schillerstrasse Waldstrasse`
	cities  = `Aachen Bremen Dresden Essen Freiburg Hamburg Jena Kassel Leipzig Mainz Rostock Trier Ulm Weimar`
	// passwordWords make passphrases that are easy to read in a log of the lab and have enough digits to be no dictionary word.
	passwordWords = `amber brook cedar delta ember flint grove heron indigo juniper kestrel lark maple nectar opal pepper quartz raven sable tulip umber violet willow yarrow zephyr`

	departmentTable = `cardiology|Cardiology|2
dermatology|Dermatology|1
emergency-medicine|Emergency medicine|0
general-surgery|General surgery|3
gynaecology|Gynaecology and obstetrics|4
internal-medicine|Internal medicine|2
neurology|Neurology|5
oncology|Oncology|6
ophthalmology|Ophthalmology|1
orthopaedics|Orthopaedics|3
paediatrics|Paediatrics|4
radiology|Radiology|0`

	diagnosisTable = `E11.9|Type 2 diabetes mellitus without complications
F32.1|Moderate depressive episode
I10|Essential (primary) hypertension
I48.0|Paroxysmal atrial fibrillation
J45.0|Predominantly allergic asthma
K21.9|Gastro-oesophageal reflux disease without oesophagitis
M54.5|Low back pain
N39.0|Urinary tract infection, site not specified
S52.5|Fracture of lower end of radius
Z00.0|General medical examination`

	treatmentTable = `consultation|Consultation|6500
ecg|Electrocardiogram|4200
blood-panel|Blood panel|3850
mri|Magnetic resonance imaging|41000
physiotherapy|Physiotherapy, 30 minutes|5200
telehealth|Telehealth session|3900
vaccination|Vaccination|2750
ultrasound|Ultrasound|7900`

	visitReasons = `annual check-up|follow-up|new symptoms|prescription renewal|second opinion|test results|vaccination`
)
